package tasker

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tasker-systems/tasker/workers/go/internal/codec"
	"github.com/tasker-systems/tasker/workers/go/internal/session"
)

// Options of a worker. What is zero is taken from the environment, or else is the default.
type Options struct {
	// StepsEndpoint is where an orchestrator publishes steps, e.g. ipc:///run/tasker/steps.sock; several are separated by
	// commas. TASKER_STEPS_ENDPOINT.
	StepsEndpoint string
	// ResultsEndpoint is where it takes results; as many, in the same order. TASKER_RESULTS_ENDPOINT.
	ResultsEndpoint string
	// WorkerID names this process to people, and nobody else at the same time. TASKER_WORKER_ID; else made of host, process
	// and chance.
	WorkerID string
	// Pool is for workers that are interchangeable. TASKER_POOL, else "default".
	Pool string
	// Concurrency is how many steps run at once. TASKER_CONCURRENCY, else 100.
	Concurrency int
	// Version of the handlers, for people.
	Version string
	// Drain is how long running handlers may take after the worker was asked to stop; 30 s.
	Drain time.Duration
	// Flush is how long, after that, results may wait for their acks; 5 s.
	Flush time.Duration
	// Codec is "json" or "msgpack". TASKER_CODEC, else "json".
	Codec string
	// LogLevel is debug, info, warn, error or silent. TASKER_LOG_LEVEL, else "info". At debug there are lines for every step.
	LogLevel string
	// Logger takes the logs, whatever LogLevel says; else they are JSON lines on stderr.
	Logger *slog.Logger
}

// mostConcurrency: leases that run and results that wait fit into one heartbeat.
const mostConcurrency = 5_000

type settings struct {
	orchestrators []session.Endpoints
	terms         session.Terms
	drain         time.Duration
	flush         time.Duration
	log           *slog.Logger
}

// readOptions is the only reader of the environment. Its errors name the setting, what was expected, and what was there.
func readOptions(options Options, getenv func(string) string) (*settings, error) {
	steps, stepsErr := readEndpoints(options.StepsEndpoint, getenv, "TASKER_STEPS_ENDPOINT")
	results, resultsErr := readEndpoints(options.ResultsEndpoint, getenv, "TASKER_RESULTS_ENDPOINT")
	if err := errors.Join(stepsErr, resultsErr); err != nil {
		return nil, err
	}
	if len(steps) != len(results) {
		return nil, fmt.Errorf("TASKER_STEPS_ENDPOINT names %d orchestrators and TASKER_RESULTS_ENDPOINT %d; give one of each for every orchestrator, in the same order", len(steps), len(results))
	}
	s := &settings{
		drain: orElse(options.Drain, 30*time.Second),
		flush: orElse(options.Flush, 5*time.Second),
		log:   options.Logger,
	}
	for i := range steps {
		s.orchestrators = append(s.orchestrators, session.Endpoints{Steps: steps[i], Results: results[i]})
	}
	workerID, idErr := readName(orElse(options.WorkerID, getenv("TASKER_WORKER_ID"), inventWorkerID()), "TASKER_WORKER_ID")
	pool, poolErr := readName(orElse(options.Pool, getenv("TASKER_POOL"), "default"), "TASKER_POOL")
	concurrency, concurrencyErr := readConcurrency(options.Concurrency, getenv("TASKER_CONCURRENCY"))
	codecs, codecErr := readCodec(orElse(options.Codec, getenv("TASKER_CODEC"), "json"))
	level, levelErr := readLogLevel(orElse(options.LogLevel, getenv("TASKER_LOG_LEVEL"), "info"))
	if err := errors.Join(idErr, poolErr, concurrencyErr, codecErr, levelErr); err != nil {
		return nil, err
	}
	s.terms = session.Terms{WorkerID: workerID, Pool: pool, Version: shortenVersion(options.Version), Capacity: concurrency, Codecs: codecs}
	if s.log == nil {
		s.log = newLog(os.Stderr, level)
	}
	return s, nil
}

// orElse answers the first value that is not zero.
func orElse[T comparable](values ...T) T {
	var zero T
	for _, value := range values {
		if value != zero {
			return value
		}
	}
	return zero
}

var endpointForm = regexp.MustCompile(`^(ipc|tcp)://\S+$`)

func readEndpoints(option string, getenv func(string) string, name string) ([]string, error) {
	var endpoints []string
	for _, text := range strings.Split(orElse(option, getenv(name)), ",") {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		if !endpointForm.MatchString(text) {
			return nil, fmt.Errorf("%s: expected ipc://PATH or tcp://HOST:PORT, got %q", name, text)
		}
		endpoints = append(endpoints, text)
	}
	if len(endpoints) == 0 {
		return nil, fmt.Errorf("%s is not set: give the orchestrator's endpoint, as its ready line prints it", name)
	}
	return endpoints, nil
}

func readName(value, name string) (string, error) {
	if !codec.IsWorkerID(value) {
		return "", fmt.Errorf("%s: expected 1 to 128 letters, digits and ._:- that begin with a letter or digit, got %q", name, value)
	}
	return value, nil
}

func readConcurrency(option int, variable string) (int, error) {
	if option == 0 && variable == "" {
		return 100, nil
	}
	concurrency, text := option, variable
	var err error
	if option == 0 {
		concurrency, err = strconv.Atoi(variable)
	} else {
		text = strconv.Itoa(option)
	}
	if err != nil || concurrency < 1 || concurrency > mostConcurrency {
		return 0, fmt.Errorf("TASKER_CONCURRENCY: expected an integer from 1 to %d, got %s", mostConcurrency, text)
	}
	return concurrency, nil
}

// readCodec answers the codecs in the order of preference: the orchestrator takes the first that it speaks.
func readCodec(value string) ([]string, error) {
	switch value {
	case "json":
		return []string{"json"}, nil
	case "msgpack":
		return []string{"msgpack", "json"}, nil
	default:
		return nil, fmt.Errorf("TASKER_CODEC: expected json or msgpack, got %q", value)
	}
}

func readLogLevel(value string) (slog.Level, error) {
	level, is := logLevels[value]
	if !is {
		return 0, fmt.Errorf("TASKER_LOG_LEVEL: expected one of debug, info, warn, error, silent, got %q", value)
	}
	return level, nil
}

func shortenVersion(version string) string {
	const most = 128
	if len(version) > most {
		return version[:most]
	}
	return version
}

// inventWorkerID: a restart is another worker; the leases of the one before are revoked within seconds.
func inventWorkerID() string {
	host, _ := os.Hostname()
	host = regexp.MustCompile(`[^A-Za-z0-9._:-]`).ReplaceAllString(host, "-")
	host = strings.TrimLeft(host, "._:-")
	if len(host) > 80 {
		host = host[:80]
	}
	var chance [2]byte
	_, _ = rand.Read(chance[:]) // never fails
	return fmt.Sprintf("%s-%d-%s", orElse(host, "worker"), os.Getpid(), hex.EncodeToString(chance[:]))
}
