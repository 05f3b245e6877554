package tasker

import (
	"io"
	"log/slog"
	"strings"
	"time"
)

// silent is above every level.
const silent = slog.Level(1 << 10)

var logLevels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError, "silent": silent,
}

// newLog writes one JSON line for each event: {"at", "level", "event", ...fields}.
func newLog(out io.Writer, level slog.Level) *slog.Logger {
	rename := func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) > 0 {
			return a
		}
		switch a.Key {
		case slog.TimeKey:
			return slog.String("at", a.Value.Time().UTC().Format(time.RFC3339Nano))
		case slog.LevelKey:
			return slog.String("level", strings.ToLower(a.Value.String()))
		case slog.MessageKey:
			return slog.Attr{Key: "event", Value: a.Value}
		}
		return a
	}
	return slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: rename}))
}
