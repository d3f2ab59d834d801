package luxi_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
)

func TestCancelUnblocksRead(t *testing.T) {
	s, c := serve(t, luxi.Options{}, func(r *request) {
		if r.Method == "Blocks" {
			r.raw(`{"success":`) // and then nothing
			return
		}
		r.ok("1")
	})
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error)
	go func() { result <- c.Call(ctx, "Blocks", nil, nil) }()
	s.awaitRequests(1)
	cancel()
	err := <-result
	op := asOp(t, err)
	if !errors.Is(err, context.Canceled) || !op.Sent || op.Op != "Blocks" || op.Timeout() || !luxi.OutcomeUnknown(err) {
		t.Errorf("got %#v", op)
	}
	s.awaitOpen(0) // the connection is gone
	if err := c.Call(context.Background(), "M", nil, nil); err != nil {
		t.Errorf("next call: %v", err)
	}
}

// TestCancelUnblocksWrite: a server that does not read must not hold a call.
func TestCancelUnblocksWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c := luxi.New(path, luxi.Options{})
	defer c.Close()
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error)
	go func() { result <- c.Call(ctx, "Big", []any{strings.Repeat("x", 8<<20)}, nil) }()
	nc, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if op := asOp(t, <-result); !errors.Is(op, context.Canceled) || !op.Sent {
		t.Errorf("got %#v", op)
	}
	if n, err := io.Copy(io.Discard, nc); err != nil || n >= 8<<20 {
		t.Errorf("%d bytes arrived, then %v; want the connection closed on the way", n, err)
	}
}

func TestContextEndedBefore(t *testing.T) {
	s, c := serve(t, luxi.Options{}, answerOK("1"))
	for idle := 0; idle < 2; idle++ { // without and with a connection at hand
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		err := c.Call(ctx, "M", nil, nil)
		if op := asOp(t, err); op.Op != "M" || op.Sent || !errors.Is(err, context.Canceled) || luxi.OutcomeUnknown(err) {
			t.Errorf("got %#v", op)
		}
		if got, conns := s.seen(); len(got) != idle || conns != idle {
			t.Errorf("sent %q on %d connections", got, conns)
		}
		if err := c.Call(context.Background(), "M", nil, nil); err != nil {
			t.Error(err)
		}
	}
}

// The time has to suffice for all before the wait for the answer, on a busy machine
// too.
func TestTimeouts(t *testing.T) {
	const enough = time.Second
	for _, tt := range []struct {
		name string
		ctx  time.Duration
		opts luxi.Options
	}{
		{"the context's", enough, luxi.Options{}},
		{"the client's", time.Hour, luxi.Options{CallTimeout: enough}},
	} {
		tt := tt
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, c := serve(t, tt.opts, func(r *request) {})
			ctx, cancel := context.WithTimeout(context.Background(), tt.ctx)
			defer cancel()
			err := c.Call(ctx, "M", nil, nil)
			op := asOp(t, err)
			if !errors.Is(err, context.DeadlineExceeded) || !op.Sent || !op.Timeout() {
				t.Errorf("got %#v", op)
			}
		})
	}
}

// TestSlowCallsAreAllowedFor: these calls may rightly take longer than
// CallTimeout. An answer that needs three times as long gets through.
func TestSlowCallsAreAllowedFor(t *testing.T) {
	const limit = 30 * time.Millisecond
	ctx := context.Background()
	for _, tt := range []struct {
		name   string
		result string
		call   func(c *luxi.Client) error
	}{
		{"CancelJob", `[true,""]`, func(c *luxi.Client) error { _, _, err := c.CancelJob(ctx, 1, false); return err }},
		{"ArchiveJob", `true`, func(c *luxi.Client) error { _, err := c.ArchiveJob(ctx, 1); return err }},
		{"WaitForJobChange", `[["queued"],[]]`, func(c *luxi.Client) error {
			_, err := c.WaitForJobChange(ctx, 1, luxi.JobQueued, time.Second)
			return err
		}},
		{"SubmitManyJobs", `[[true,1]]`, func(c *luxi.Client) error {
			_, err := c.SubmitManyJobs(ctx, [][]luxi.OpCode{{&luxi.TestDelay{}}})
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, c := serve(t, luxi.Options{CallTimeout: limit}, func(r *request) {
				<-time.After(3 * limit)
				r.ok(tt.result)
			})
			if err := tt.call(c); err != nil {
				t.Error(err)
			}
			if err := c.Call(ctx, "M", nil, nil); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("an ordinary call: %v", err)
			}
		})
	}
}

func TestDialErrors(t *testing.T) {
	dir := t.TempDir()
	dead := filepath.Join(dir, "dead")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	ln.Close()
	for _, tt := range []struct {
		name, socket string
		want         error
	}{
		{"absent", filepath.Join(dir, "absent"), os.ErrNotExist},
		{"left over", dead, syscall.ECONNREFUSED},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := luxi.New(tt.socket, luxi.Options{})
			defer c.Close()
			_, err := c.SubmitJob(context.Background(), []luxi.OpCode{&luxi.TestDelay{}})
			op := asOp(t, err)
			if op.Op != "dial" || op.Sent || op.Socket != tt.socket || !errors.Is(err, tt.want) || luxi.OutcomeUnknown(err) {
				t.Errorf("got %#v", op)
			}
		})
	}
}

// busySocket listens with the shortest queue and fills it with connections,
// which it returns.
func busySocket(t *testing.T) (path string, fd int, waiting []net.Conn) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "s")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	for {
		nc, err := net.Dial("unix", path)
		if errors.Is(err, syscall.EAGAIN) {
			return path, fd, waiting
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { nc.Close() })
		waiting = append(waiting, nc)
	}
}

// callWhileBusy begins a call and returns when it has waited and tried again.
func callWhileBusy(t *testing.T, c *luxi.Client) <-chan error {
	t.Helper()
	waits := make(chan bool, 1)
	c.OnBusy(func() {
		select {
		case waits <- true:
		default: // it has waited often enough
		}
	})
	result := make(chan error, 1)
	go func() { result <- c.Call(context.Background(), "M", nil, nil) }()
	for n := 0; n < 3; n++ {
		select {
		case <-waits:
		case err := <-result:
			t.Fatalf("the call did not wait: %v", err)
		}
	}
	return result
}

func TestDialWhileBusy(t *testing.T) {
	path, _, _ := busySocket(t)
	c := luxi.New(path, luxi.Options{DialTimeout: 50 * time.Millisecond})
	defer c.Close()
	err := c.Call(context.Background(), "M", nil, nil)
	op := asOp(t, err)
	if op.Op != "dial" || op.Sent || !errors.Is(err, context.DeadlineExceeded) || !op.Timeout() {
		t.Errorf("got %#v: %v", op, err)
	}
	if !strings.Contains(err.Error(), "all connections are taken") {
		t.Errorf("the text does not say why: %v", err)
	}
}

// TestDialAfterBusy: the call waits until luxid accepts connections again.
func TestDialAfterBusy(t *testing.T) {
	path, fd, waiting := busySocket(t)
	c := luxi.New(path, luxi.Options{})
	defer c.Close()
	result := callWhileBusy(t, c)
	for _, nc := range waiting {
		nc.Close()
	}
	for {
		conn, _, err := syscall.Accept(fd)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 100)
		n, err := syscall.Read(conn, b)
		if err == nil && n == 0 {
			syscall.Close(conn)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := syscall.Write(conn, []byte("{\"success\":true,\"result\":1}\x03")); err != nil {
			t.Fatal(err)
		}
		break
	}
	if err := <-result; err != nil {
		t.Error(err)
	}
}

func TestClose(t *testing.T) {
	s, c := serve(t, luxi.Options{}, func(r *request) {
		if r.Method != "Blocks" {
			r.ok("1")
		}
	})
	if err := c.Call(context.Background(), "M", nil, nil); err != nil {
		t.Fatal(err)
	}
	result := make(chan error)
	for i := 0; i < 2; i++ {
		go func() { result <- c.Call(context.Background(), "Blocks", nil, nil) }()
	}
	s.awaitRequests(3)
	if err := c.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	for i := 0; i < 2; i++ {
		err := <-result
		if op := asOp(t, err); !errors.Is(err, net.ErrClosed) || !op.Sent {
			t.Errorf("call under way: %#v", op)
		}
	}
	s.awaitOpen(0)
	err := c.Call(context.Background(), "M", nil, nil)
	if op := asOp(t, err); !errors.Is(err, net.ErrClosed) || op.Sent {
		t.Errorf("call afterwards: %#v", op)
	}
	if _, conns := s.seen(); conns != 2 {
		t.Errorf("%d connections, want 2", conns)
	}
	if err := c.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if c.Socket() != s.path {
		t.Errorf("Socket is %q", c.Socket())
	}
}

// TestCloseWhileDialing: a connection that is made only after Close is not
// used.
func TestCloseWhileDialing(t *testing.T) {
	path, fd, waiting := busySocket(t)
	c := luxi.New(path, luxi.Options{})
	result := callWhileBusy(t, c)
	c.Close()
	for _, nc := range waiting {
		nc.Close()
	}
	for i := 0; i < len(waiting)+1; i++ {
		conn, _, err := syscall.Accept(fd)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := syscall.Read(conn, make([]byte, 100)); n != 0 || err != nil {
			t.Errorf("%d bytes were sent (%v)", n, err)
		}
		syscall.Close(conn)
	}
	err := <-result
	if op := asOp(t, err); !errors.Is(err, net.ErrClosed) || op.Sent {
		t.Errorf("got %#v", op)
	}
}
