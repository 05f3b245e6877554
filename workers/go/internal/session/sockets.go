package session

import (
	"errors"
	"syscall"
	"time"

	"github.com/pebbe/zmq4"

	"github.com/tasker-systems/tasker/workers/go/internal/codec"
)

const (
	// sendHighWaterMark: frames that may wait for a slow connection; what is beyond is dropped, and sent again by the outbox.
	sendHighWaterMark = 10_000
	reconnect         = 100 * time.Millisecond
)

// Endpoints of one orchestrator.
type Endpoints struct {
	Steps   string
	Results string
}

// sockets is the real Wire: a SUB and a PUB for each session. Neither ZMTP heartbeats nor a largest message size are
// set: on a SUB the first aborts the process and the second silences the connection for ever (libzmq #3937, #4196).
type sockets struct {
	context   *zmq4.Context
	endpoints Endpoints
	// changed is called when the sockets are others than before.
	changed    func()
	failed     func(error)
	publisher  *zmq4.Socket
	subscriber *zmq4.Socket
}

func (s *sockets) Open(session string) {
	s.Close(0)
	if err := s.open(session); err != nil {
		s.failed(err)
	}
}

func (s *sockets) open(session string) error {
	var err error
	if s.publisher, err = s.context.NewSocket(zmq4.PUB); err != nil {
		return err
	}
	if s.subscriber, err = s.context.NewSocket(zmq4.SUB); err != nil {
		return err
	}
	return errors.Join(
		s.publisher.SetLinger(0),
		s.publisher.SetSndhwm(sendHighWaterMark),
		s.publisher.SetReconnectIvl(reconnect),
		s.subscriber.SetLinger(0),
		s.subscriber.SetReconnectIvl(reconnect),
		// Results first: by the time a batch comes, it can be answered.
		s.publisher.Connect(s.endpoints.Results),
		s.subscriber.Connect(s.endpoints.Steps),
		s.subscriber.SetSubscribe(codec.SessionTopic(session)),
	)
}

// Send drops what cannot be sent: results are sent again until they are acknowledged, the rest is said again anyway.
func (s *sockets) Send(frame []byte) {
	if s.publisher == nil {
		return
	}
	for {
		if _, err := s.publisher.SendBytes(frame, zmq4.DONTWAIT); !interrupted(err) {
			return
		}
	}
}

func (s *sockets) Close(linger time.Duration) {
	for _, socket := range []*zmq4.Socket{s.publisher, s.subscriber} {
		if socket != nil {
			s.failIf(socket.SetLinger(linger))
			s.failIf(socket.Close())
		}
	}
	s.publisher, s.subscriber = nil, nil
	s.changed()
}

func (s *sockets) failIf(err error) {
	if err != nil {
		s.failed(err)
	}
}

// receive answers the next frame that waits. Messages of several frames are dropped (spec R-1).
func (s *sockets) receive() (frame string, ok bool) {
	for s.subscriber != nil {
		bytes, err := s.subscriber.RecvBytes(zmq4.DONTWAIT)
		if interrupted(err) {
			continue
		}
		if err != nil {
			return "", false
		}
		if !s.hasMore() {
			return string(bytes), true
		}
		for s.hasMore() {
			_, _ = s.subscriber.RecvBytes(zmq4.DONTWAIT)
		}
	}
	return "", false
}

func (s *sockets) hasMore() bool {
	more, err := s.subscriber.GetRcvmore()
	return err == nil && more
}

func interrupted(err error) bool {
	return err != nil && zmq4.AsErrno(err) == zmq4.Errno(syscall.EINTR)
}
