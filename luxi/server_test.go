package luxi_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
)

// server is a scripted luxid: a real unix socket, and a function that answers
// each request in bytes.
type server struct {
	path string
	ln   net.Listener
	wg   sync.WaitGroup

	mu       sync.Mutex
	changed  *sync.Cond
	requests []string // payloads as received
	conns    int      // accepted
	open     map[net.Conn]bool
	stopped  bool
}

// request is one request, for the function that answers it.
type request struct {
	Method string            `json:"method"`
	Args   []json.RawMessage `json:"args"`

	conn net.Conn
}

// raw writes bytes as they are.
func (r *request) raw(s string) { _, _ = r.conn.Write([]byte(s)) }

// ok answers with a result.
func (r *request) ok(result string) { r.raw(`{"success":true,"result":` + result + "}\x03") }

// fail answers with an error.
func (r *request) fail(result string) { r.raw(`{"success":false,"result":` + result + "}\x03") }

// hangUp closes the connection.
func (r *request) hangUp() { r.conn.Close() }

// answerOK returns an answering function that always gives this result.
func answerOK(result string) func(*request) {
	return func(r *request) { r.ok(result) }
}

// answerRaw returns an answering function that always writes these bytes and
// hangs up.
func answerRaw(s string) func(*request) {
	return func(r *request) {
		r.raw(s)
		r.hangUp()
	}
}

// newServer starts a server that answers with the given function, which may be
// called from several goroutines.
func newServer(answer func(*request)) (*server, error) {
	// Not t.TempDir: a socket's path may have 107 characters only.
	dir, err := os.MkdirTemp("", "luxi")
	if err != nil {
		return nil, err
	}
	s := &server{path: filepath.Join(dir, "socket"), open: make(map[net.Conn]bool)}
	s.changed = sync.NewCond(&s.mu)
	s.ln, err = net.Listen("unix", s.path)
	if err != nil {
		return nil, err
	}
	s.wg.Add(1)
	go s.accept(answer)
	return s, nil
}

func (s *server) accept(answer func(*request)) {
	defer s.wg.Done()
	for {
		nc, err := s.ln.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.stopped {
			nc.Close()
			s.mu.Unlock()
			return
		}
		s.conns++
		s.open[nc] = true
		s.changed.Broadcast()
		s.mu.Unlock()
		s.wg.Add(1)
		go s.serve(nc, answer)
	}
}

func (s *server) serve(nc net.Conn, answer func(*request)) {
	defer s.wg.Done()
	defer func() {
		nc.Close()
		s.mu.Lock()
		delete(s.open, nc)
		s.changed.Broadcast()
		s.mu.Unlock()
	}()
	r := bufio.NewReader(nc)
	for {
		b, err := r.ReadBytes(0x03)
		if err != nil {
			return
		}
		b = b[:len(b)-1]
		s.mu.Lock()
		s.requests = append(s.requests, string(b))
		s.changed.Broadcast()
		s.mu.Unlock()
		req := &request{conn: nc}
		if err := json.Unmarshal(b, req); err != nil {
			panic(fmt.Sprintf("request is not JSON: %v: %q", err, b))
		}
		answer(req)
	}
}

// stop closes everything and waits for the server's goroutines.
func (s *server) stop() {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.ln.Close()
	s.closeConns()
	s.wg.Wait()
	os.RemoveAll(filepath.Dir(s.path))
}

// closeConns closes the open connections, as a restart of luxid does.
func (s *server) closeConns() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for nc := range s.open {
		nc.Close()
	}
}

// await blocks until cond, called with the server's lock held, is true. A test
// whose condition never comes ends by the time limit of go test.
func (s *server) await(cond func() bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !cond() {
		s.changed.Wait()
	}
}

func (s *server) awaitRequests(n int) { s.await(func() bool { return len(s.requests) >= n }) }
func (s *server) awaitOpen(n int)     { s.await(func() bool { return len(s.open) == n }) }

// seen returns the requests and the number of connections so far.
func (s *server) seen() ([]string, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...), s.conns
}

// serve starts a server for one test, and a client for it.
func serve(t testing.TB, opts luxi.Options, answer func(*request)) (*server, *luxi.Client) {
	t.Helper()
	s, err := newServer(answer)
	if err != nil {
		t.Fatal(err)
	}
	c := luxi.New(s.path, opts)
	t.Cleanup(func() {
		c.Close()
		s.stop()
	})
	return s, c
}

// asOp returns err as an *luxi.OpError or fails the test.
func asOp(t *testing.T, err error) *luxi.OpError {
	t.Helper()
	var op *luxi.OpError
	if !errors.As(err, &op) {
		t.Fatalf("error is %T %v, want *OpError", err, err)
	}
	return op
}

// clock is a settable clock.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}
