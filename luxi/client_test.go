package luxi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
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

// TestDial: a Client works over any connection.
func TestDial(t *testing.T) {
	dialed := 0
	c := luxi.New("unused", luxi.Options{Dial: func(context.Context) (net.Conn, error) {
		ours, theirs := net.Pipe()
		dialed++
		go func() {
			defer theirs.Close()
			r := bufio.NewReader(theirs)
			for {
				if _, err := luxi.ReadFrame(r, 0); err != nil {
					return
				}
				if luxi.WriteFrame(theirs, []byte(`{"success":true,"result":7}`)) != nil {
					return
				}
			}
		}()
		return ours, nil
	}})
	defer c.Close()
	for n := 0; n < 2; n++ {
		var got int
		if err := c.Call(context.Background(), "M", nil, &got); err != nil || got != 7 {
			t.Errorf("%d, %v", got, err)
		}
	}
	if dialed != 1 {
		t.Errorf("%d connections for two calls", dialed)
	}
	no := errors.New("no")
	c = luxi.New("unused", luxi.Options{Dial: func(context.Context) (net.Conn, error) { return nil, no }})
	if err := c.Call(context.Background(), "M", nil, nil); !errors.Is(err, no) || luxi.OutcomeUnknown(err) {
		t.Errorf("%v", err)
	}
}
