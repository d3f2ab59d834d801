package luxi

import (
	"bufio"
	"context"
	"errors"
	"net"
	"syscall"
	"time"
)

// readBuffer is the size of a connection's read buffer in bytes.
const readBuffer = 64 << 10

// busyRetry is how long to wait before another attempt to connect when luxid's
// queue of five waiting connections is full (connectServer in
// src/Ganeti/UDSServer.hs).
const busyRetry = 20 * time.Millisecond

// conn is one connection to luxid. It is used by one call at a time.
type conn struct {
	nc        net.Conn
	r         *bufio.Reader
	idleSince time.Time
}

// dial connects to luxid. It waits while luxid's listen queue is full, for as
// long as ctx lasts, as Ganeti's own client does (lib/rpc/transport.py); timer
// measures the pauses.
func dial(ctx context.Context, connect func(context.Context) (net.Conn, error), timer func(time.Duration) *time.Timer) (*conn, error) {
	for busy := false; ; {
		nc, err := connect(ctx)
		if err == nil {
			return &conn{nc: nc, r: bufio.NewReaderSize(nc, readBuffer)}, nil
		}
		full := errors.Is(err, syscall.EAGAIN)
		ended := ctx.Err()
		var ne net.Error
		if ended == nil && !full && errors.As(err, &ne) && ne.Timeout() {
			// The Dialer may notice the context's deadline before the context.
			ended = context.DeadlineExceeded
		}
		switch {
		case ended != nil && busy:
			return nil, &busyError{ended}
		case ended != nil:
			return nil, ended
		case !full:
			return nil, cause(err)
		}
		busy = true
		t := timer(busyRetry)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil, &busyError{ctx.Err()}
		case <-t.C:
		}
	}
}

// busyError is the end of the wait for a full listen queue.
type busyError struct{ err error }

func (e *busyError) Error() string { return "all connections are taken: " + e.err.Error() }
func (e *busyError) Unwrap() error { return e.err }

// exchange writes the frame request and reads the answer to it, of at most max
// bytes. It returns at once with the context's error when ctx ends. sent reports
// whether any byte was written, and reusable whether the connection is fit for
// another call; it is false after every error.
func (c *conn) exchange(ctx context.Context, request []byte, max int) (reply []byte, sent, reusable bool, err error) {
	stop := make(chan struct{})
	interrupted := make(chan bool)
	go func() {
		select {
		case <-ctx.Done():
			// Any time in the past makes pending reads and writes return.
			_ = c.nc.SetDeadline(time.Unix(1, 0))
			interrupted <- true
		case <-stop:
			interrupted <- false
		}
	}()
	n, err := c.nc.Write(request)
	if err == nil {
		reply, err = ReadFrame(c.r, max)
	}
	close(stop)
	cut := <-interrupted
	switch {
	case err != nil && cut:
		return nil, n > 0, false, ctx.Err()
	case err != nil:
		return nil, n > 0, false, cause(err)
	}
	// Whatever follows the answer belongs to no request.
	return reply, true, !cut && c.r.Buffered() == 0, nil
}

// quiet reports whether an idle connection is still open and silent. The end
// of the stream means that luxid has closed it; bytes would be an answer to
// no request, and would be taken for the answer to the next one, as answers
// carry no number.
func (c *conn) quiet() bool {
	sc, ok := c.nc.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	var peekErr error
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		_, _, peekErr = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	return err == nil && (errors.Is(peekErr, syscall.EAGAIN) || errors.Is(peekErr, syscall.EINTR))
}

// cause strips an error of package net down to what happened, as operation and
// address are said elsewhere.
func cause(err error) error {
	var ne *net.OpError
	if errors.As(err, &ne) {
		return ne.Err
	}
	return err
}
