package luxi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
)

func TestRequestBytes(t *testing.T) {
	for _, tt := range []struct {
		args []any
		want string
	}{
		{nil, `{"method":"M","args":[]}`},
		{[]any{1, "a", nil, []string{}}, `{"method":"M","args":[1,"a",null,[]]}`},
		{[]any{luxi.Lt("id", 5)}, `{"method":"M","args":[["<","id",5]]}`},
		{[]any{"a\x03b\n"}, `{"method":"M","args":["a\u0003b\n"]}`},
		{[]any{json.RawMessage(`{"n": 1234567890123456789}`)}, `{"method":"M","args":[{"n":1234567890123456789}]}`},
	} {
		s, c := serve(t, luxi.Options{}, answerOK("null"))
		if err := c.Call(context.Background(), "M", tt.args, nil); err != nil {
			t.Fatal(err)
		}
		if got, _ := s.seen(); len(got) != 1 || got[0] != tt.want {
			t.Errorf("sent %q, want %q", got, tt.want)
		}
	}
}

func TestRequestThatCannotBeEncoded(t *testing.T) {
	s, c := serve(t, luxi.Options{}, answerOK("null"))
	err := c.Call(context.Background(), "M", []any{make(chan int)}, nil)
	if err == nil || luxi.OutcomeUnknown(err) {
		t.Errorf("error %v, want one with a known outcome", err)
	}
	if got, _ := s.seen(); len(got) != 0 {
		t.Errorf("sent %q", got)
	}
}

func TestCallStoresResult(t *testing.T) {
	_, c := serve(t, luxi.Options{}, answerOK(`{"n":1790000000123456789,"l":["a"]}`))
	var got struct {
		N int64
		L []string
	}
	if err := c.Call(context.Background(), "M", nil, &got); err != nil {
		t.Fatal(err)
	}
	if got.N != 1790000000123456789 || len(got.L) != 1 || got.L[0] != "a" {
		t.Errorf("got %+v", got)
	}
}

// TestConnectionIsReused: one after the other, calls share a connection.
func TestConnectionIsReused(t *testing.T) {
	s, c := serve(t, luxi.Options{}, func(r *request) {
		if r.Method == "Refused" {
			r.fail(`["GenericError",["no"]]`)
			return
		}
		r.ok("1")
	})
	for _, method := range []string{"A", "Refused", "B", "Refused", "C"} {
		err := c.Call(context.Background(), method, nil, nil)
		if (err != nil) != (method == "Refused") {
			t.Fatalf("%s: %v", method, err)
		}
	}
	if got, conns := s.seen(); len(got) != 5 || conns != 1 {
		t.Errorf("%d requests on %d connections, want 5 on 1", len(got), conns)
	}
}

// TestConnectionIsDropped: after these answers the connection is closed, and
// the next call works on a new one.
func TestConnectionIsDropped(t *testing.T) {
	for _, tt := range []struct{ name, answer string }{
		{"plain string", `{"success":false,"result":"Failed to parse request: x"}` + "\x03"},
		{"not JSON", "{\x03"},
		{"wrong shape", `{"success":true,"result":"a string"}` + "\x03"},
		{"bytes after the answer", `{"success":true,"result":1}` + "\x03{"},
		{"two answers", `{"success":true,"result":1}` + "\x03" + `{"success":true,"result":2}` + "\x03"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			first := true
			s, c := serve(t, luxi.Options{}, func(r *request) {
				if first {
					first = false
					r.raw(tt.answer)
					return
				}
				r.ok("3")
			})
			var n int
			err := c.Call(context.Background(), "M", nil, &n)
			if err != nil && n != 0 {
				t.Errorf("error %v with value %d", err, n)
			}
			s.awaitOpen(0)
			if err := c.Call(context.Background(), "M", nil, &n); err != nil || n != 3 {
				t.Errorf("next call: %d, %v", n, err)
			}
			if _, conns := s.seen(); conns != 2 {
				t.Errorf("%d connections, want 2", conns)
			}
		})
	}
}

// TestIdleConnectionDies: luxid restarts between two calls. The second one
// notices before it has written anything, and goes over a new connection.
func TestIdleConnectionDies(t *testing.T) {
	s, c := serve(t, luxi.Options{}, answerOK("7"))
	ops := []luxi.OpCode{&luxi.TestDelay{}}
	for i := 0; i < 3; i++ {
		if id, err := c.SubmitJob(context.Background(), ops); err != nil || id != 7 {
			t.Fatalf("call %d: %d, %v", i, id, err)
		}
		s.closeConns()
		s.awaitOpen(0)
	}
	if got, conns := s.seen(); len(got) != 3 || conns != 3 {
		t.Errorf("%d requests on %d connections, want 3 on 3", len(got), conns)
	}
}

// TestIdleConnectionRefuses: an idle connection looks good, but luxid reads
// from it no more. As not a byte can be written the call may go elsewhere.
func TestIdleConnectionRefuses(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	s, c := serve(t, luxi.Options{}, func(r *request) {
		if err := r.conn.(*net.UnixConn).CloseRead(); err != nil {
			t.Error(err)
		}
		r.ok("7")
		<-hold // or else the server would close the connection altogether
	})
	for i := 0; i < 2; i++ {
		if id, err := c.SubmitJob(context.Background(), []luxi.OpCode{&luxi.TestDelay{}}); err != nil || id != 7 {
			t.Fatalf("call %d: %d, %v", i, id, err)
		}
	}
	if got, conns := s.seen(); len(got) != 2 || conns != 2 {
		t.Errorf("%d requests on %d connections, want 2 on 2", len(got), conns)
	}
}

// TestIdleConnectionSpeaks: bytes that arrive between two calls must not be
// taken for the answer to the second.
func TestIdleConnectionSpeaks(t *testing.T) {
	var conns []net.Conn
	s, c := serve(t, luxi.Options{}, func(r *request) {
		conns = append(conns, r.conn)
		r.ok("1")
	})
	var n int
	if err := c.Call(context.Background(), "M", nil, &n); err != nil {
		t.Fatal(err)
	}
	if _, err := conns[0].Write([]byte(`{"success":true,"result":666}` + "\x03")); err != nil {
		t.Fatal(err)
	}
	if err := c.Call(context.Background(), "M", nil, &n); err != nil || n != 1 {
		t.Errorf("second call: %d, %v", n, err)
	}
	if _, conns := s.seen(); conns != 2 {
		t.Errorf("%d connections, want 2", conns)
	}
}

func TestIdleConnectionAges(t *testing.T) {
	for _, tt := range []struct {
		idle  time.Duration
		conns int
	}{
		{59 * time.Second, 1},
		{61 * time.Second, 2},
		{-time.Second, 2}, // the clock was set back: age unknown
	} {
		clk := &clock{t: time.Unix(1e9, 0)}
		s, c := serve(t, luxi.Options{Now: clk.now}, answerOK("1"))
		for i := 0; i < 2; i++ {
			if err := c.Call(context.Background(), "M", nil, nil); err != nil {
				t.Fatal(err)
			}
			clk.advance(tt.idle)
		}
		s.awaitOpen(1) // what is not used again is closed
		if _, conns := s.seen(); conns != tt.conns {
			t.Errorf("idle for %v: %d connections, want %d", tt.idle, conns, tt.conns)
		}
	}
}

// TestConcurrentCalls: every call has a connection of its own while it runs,
// and the answer to its own request.
func TestConcurrentCalls(t *testing.T) {
	const calls = 20
	var arrived sync.WaitGroup
	arrived.Add(calls)
	s, c := serve(t, luxi.Options{}, func(r *request) {
		arrived.Done()
		arrived.Wait() // no call is answered before all are under way
		r.ok(string(r.Args[0]))
	})
	var wg sync.WaitGroup
	for i := 0; i < calls; i++ {
		i := i
		wg.Add(1)
		go func() {
			defer wg.Done()
			var got int
			if err := c.Call(context.Background(), "Echo", []any{i}, &got); err != nil || got != i {
				t.Errorf("call %d: %d, %v", i, got, err)
			}
		}()
	}
	wg.Wait()
	s.awaitOpen(4) // the rest is closed
	if got, conns := s.seen(); len(got) != calls || conns != calls {
		t.Errorf("%d requests on %d connections, want %d on %d", len(got), conns, calls, calls)
	}
}

// TestConcurrentCallsUnderCancellation has calls come and go on all sides, for
// the race detector.
func TestConcurrentCallsUnderCancellation(t *testing.T) {
	_, c := serve(t, luxi.Options{}, func(r *request) {
		switch string(r.Args[0]) {
		case "0":
			r.ok(string(r.Args[1]))
		case "1": // no answer
		default:
			r.hangUp()
		}
	})
	var wg sync.WaitGroup
	for i := 0; i < 60; i++ {
		i := i
		wg.Add(1)
		go func() {
			defer wg.Done()
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
			if i%3 == 0 {
				ctx, cancel = context.WithCancel(context.Background())
			}
			defer cancel()
			var got int
			err := c.Call(ctx, "M", []any{i % 3, i}, &got)
			if i%3 == 0 && (err != nil || got != i) || i%3 != 0 && err == nil {
				t.Errorf("call %d: %d, %v", i, got, err)
			}
		}()
	}
	wg.Wait()
}

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

func TestTimeouts(t *testing.T) {
	past, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	for _, tt := range []struct {
		name string
		ctx  context.Context
		opts luxi.Options
	}{
		{"the context's", past, luxi.Options{}},
		{"the client's", context.Background(), luxi.Options{CallTimeout: 20 * time.Millisecond}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, c := serve(t, tt.opts, func(r *request) {})
			err := c.Call(tt.ctx, "M", nil, nil)
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

func TestEndWithoutAnswer(t *testing.T) {
	for _, tt := range []struct {
		name, answer string
		want         error
	}{
		{"nothing", "", io.EOF},
		{"half an answer", `{"success":true,"res`, io.ErrUnexpectedEOF},
		{"no end marker", `{"success":true,"result":5}`, io.ErrUnexpectedEOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, c := serve(t, luxi.Options{}, answerRaw(tt.answer))
			id, err := c.SubmitJob(context.Background(), []luxi.OpCode{&luxi.TestDelay{}})
			op := asOp(t, err)
			if !errors.Is(err, tt.want) || !op.Sent || op.Op != "SubmitJob" || op.Socket != s.path || !luxi.OutcomeUnknown(err) {
				t.Errorf("got %#v", op)
			}
			if got, _ := s.seen(); id != 0 || len(got) != 1 {
				t.Errorf("id %d, %d requests, want 1", id, len(got))
			}
		})
	}
}

// TestEndWithoutAnswerOnReusedConnection: even on a connection that was idle
// before, a request that was written is not written again.
func TestEndWithoutAnswerOnReusedConnection(t *testing.T) {
	s, c := serve(t, luxi.Options{}, func(r *request) {
		if r.Method == "SubmitJob" {
			r.hangUp()
			return
		}
		r.ok("1")
	})
	if err := c.Call(context.Background(), "M", nil, nil); err != nil {
		t.Fatal(err)
	}
	_, err := c.SubmitJob(context.Background(), []luxi.OpCode{&luxi.TestDelay{}})
	if op := asOp(t, err); !op.Sent {
		t.Errorf("got %#v", op)
	}
	if got, conns := s.seen(); len(got) != 2 || conns != 1 {
		t.Errorf("%d requests on %d connections, want 2 on 1", len(got), conns)
	}
}

func TestReplyTooLarge(t *testing.T) {
	const limit = 1 << 10
	for _, tt := range []struct {
		size int
		ok   bool
	}{{limit, true}, {limit + 1, false}} {
		frame := `{"success":true,"result":"`
		frame += strings.Repeat("x", tt.size-len(frame)-2) + `"}`
		s, c := serve(t, luxi.Options{MaxReply: limit}, func(r *request) { r.raw(frame + "\x03") })
		err := c.Call(context.Background(), "M", nil, nil)
		var proto *luxi.ProtocolError
		if tt.ok != (err == nil) || !tt.ok && (!errors.As(err, &proto) || !luxi.OutcomeUnknown(err)) {
			t.Errorf("%d bytes: %v", tt.size, err)
		}
		if !tt.ok {
			s.awaitOpen(0)
		}
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
	result := make(chan error, 1)
	go func() { result <- c.Call(context.Background(), "M", nil, nil) }()
	select {
	case err := <-result:
		t.Fatalf("the call did not wait: %v", err)
	case <-time.After(30 * time.Millisecond): // a few attempts later
	}
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
	result := make(chan error, 1)
	go func() { result <- c.Call(context.Background(), "M", nil, nil) }()
	select {
	case err := <-result:
		t.Fatalf("the call did not wait: %v", err)
	case <-time.After(30 * time.Millisecond):
	}
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

func TestCallIsStrict(t *testing.T) {
	for _, tt := range []struct {
		result string
		dst    any
		ok     bool
	}{
		{"null", nil, true},
		{"null", new(string), false},
		{"null", new([]string), false},
		{"null", new(any), true},
		{"null", new(*string), true},
		{"null", new(json.RawMessage), true},
		{"null", new(time.Time), false},
		{`["a",null]`, new([]string), false},
		{`["a",null]`, new([]*string), true},
		{`[1,2]`, new([2]int), true},
		{`[1]`, new([2]int), false},
		{`[1,2,3]`, new([2]int), false},
		{`{"a":null}`, new(map[string]int), false},
		{`{"a":[null]}`, new(map[string][]any), true},
		{`{"N":null}`, new(struct{ N int }), false},
		{`{"n":null}`, new(struct{ N int }), false},
		{`{"x":{"y":null}}`, new(struct {
			X struct {
				Y string `json:"y"`
			} `json:"x"`
		}), false},
		{`{"N":null}`, new(struct {
			N int `json:"-"`
		}), true},
		{`{"N":null}`, new(struct{ embedded }), false},
		{`"aGk="`, new([]byte), true},
		{`1.5`, new(int), false},
		{`"1"`, new(int), false},
		{`300`, new(int8), false},
		{`{}`, new([]string), false},
		{`1`, "not a pointer", false},
		{`1`, (*int)(nil), false},
	} {
		_, c := serve(t, luxi.Options{}, answerOK(tt.result))
		err := c.Call(context.Background(), "M", nil, tt.dst)
		var proto *luxi.ProtocolError
		if tt.ok != (err == nil) || err != nil && !errors.As(err, &proto) {
			t.Errorf("%s into %T: %v", tt.result, tt.dst, err)
		}
	}
}

type embedded struct{ N int }

// TestSliceIsFresh: decoding twice into one variable must not change what was
// taken from it the first time.
func TestSliceIsFresh(t *testing.T) {
	n := 0
	_, c := serve(t, luxi.Options{}, func(r *request) {
		n++
		r.ok(fmt.Sprintf(`["tag%d"]`, n))
	})
	var tags []string
	if err := c.Call(context.Background(), "M", nil, &tags); err != nil {
		t.Fatal(err)
	}
	first := tags
	if err := c.Call(context.Background(), "M", nil, &tags); err != nil {
		t.Fatal(err)
	}
	if first[0] != "tag1" || tags[0] != "tag2" {
		t.Errorf("got %q and %q", first, tags)
	}
}
