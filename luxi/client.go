package luxi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// DefaultSocket is where ganeti-luxid listens on the master node
// (QUERY_SOCKET in lib/pathutils.py). With GANETI_ROOTDIR set, as in a virtual
// cluster, the path is below that directory.
const DefaultSocket = "/var/run/ganeti/socket/ganeti-query"

const (
	// maxIdle is how many connections are kept for later calls.
	maxIdle = 4
	// maxIdleAge is how long one is kept. luxid closes a connection on which
	// no request came for 180 s (LUXI_DEF_RWTO in lib/constants.py); staying
	// well below keeps a request from crossing with that.
	maxIdleAge = 60 * time.Second

	defaultDialTimeout = 10 * time.Second
	defaultCallTimeout = 30 * time.Second
	queryTime          = 150 * time.Second // on top, for Query
)

// Options are the settings of a Client. The zero value is useful.
type Options struct {
	// MaxReply is the largest answer accepted, in bytes; 0 means
	// DefaultMaxFrame. A larger one is a ProtocolError.
	MaxReply int
	// DialTimeout bounds connecting, including the wait while luxid's listen
	// queue is full; 0 means 10 s.
	DialTimeout time.Duration
	// CallTimeout bounds every call, beside the context's own deadline; 0
	// means 30 s. Calls that may rightly take longer are allowed that on top:
	// Query 150 s, so that it takes as long as Ganeti's own client waits at most,
	// WaitForJobChange its timeout, CancelJob 45 s, ArchiveJob 12 s,
	// SubmitManyJobs one second for each job.
	CallTimeout time.Duration
	// Dial connects to luxid; nil means by the client's socket. Tests may do without
	// a socket.
	Dial func(ctx context.Context) (net.Conn, error)
	// Now is the clock, used for the time stamps of reason trail entries that
	// have none and for the age of idle connections; nil means time.Now.
	// Timeouts do not follow it.
	Now func() time.Time
}

// Client calls luxid. It is safe for concurrent use. Every call runs on a
// connection of its own, taken from a few idle ones or newly made, since luxid
// answers the requests of one connection one after the other.
//
// No request is ever sent twice. When an idle connection turns out to be dead
// before a single byte was written, the call goes on over a new one; in any
// other case trouble is reported, and OutcomeUnknown says what it means for a
// call that changes something.
type Client struct {
	socket string
	opts   Options
	timer  func(time.Duration) *time.Timer // time.NewTimer but in tests

	mu     sync.Mutex
	idle   []*conn            // most recently used last
	all    map[*conn]struct{} // idle ones and those in a call
	closed bool
}

// New returns a client for the given socket, usually DefaultSocket. It does
// not connect: the first call does, and reports why it cannot.
func New(socket string, opts Options) *Client {
	if opts.MaxReply <= 0 {
		opts.MaxReply = DefaultMaxFrame
	}
	if opts.DialTimeout <= 0 {
		opts.DialTimeout = defaultDialTimeout
	}
	if opts.CallTimeout <= 0 {
		opts.CallTimeout = defaultCallTimeout
	}
	if opts.Dial == nil {
		opts.Dial = func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		}
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Client{socket: socket, opts: opts, timer: time.NewTimer, all: make(map[*conn]struct{})}
}

// Socket returns the path of the socket the client was made for.
func (c *Client) Socket() string { return c.socket }

// Close closes all connections. Calls that are waiting for an answer return an
// OpError with net.ErrClosed, and so does every later call. Close returns nil.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.idle = nil
	for cn := range c.all {
		cn.nc.Close()
	}
	c.all = nil
	return nil
}

// Call sends one request and stores its result in the value result points to,
// or discards it if result is nil. It is for methods that have no function of
// their own here; args are the method's positional arguments.
//
// Decoding is strict: a null in the answer where result cannot hold one is a
// ProtocolError. The other errors are Error for luxid's refusal and OpError
// for trouble with the connection.
func (c *Client) Call(ctx context.Context, method string, args []any, result any) error {
	return c.call(ctx, method, args, 0, func(raw json.RawMessage) error {
		if result == nil {
			return nil
		}
		if err := decode(raw, result); err != nil {
			return &ProtocolError{Method: method, Problem: "result: " + err.Error()}
		}
		return nil
	})
}

// call sends one request, allowing extra time beyond CallTimeout, and has the
// result read. The connection is closed if read returns a ProtocolError.
func (c *Client) call(ctx context.Context, method string, args []any, extra time.Duration, read func(json.RawMessage) error) error {
	request, err := encodeRequest(method, args)
	if err != nil {
		return fmt.Errorf("luxi: request %s: %w", method, err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.opts.CallTimeout+extra)
	defer cancel()

	cn, reply, err := c.exchange(ctx, method, request)
	if err != nil {
		return err
	}
	result, err := parseReply(method, reply)
	if err == nil {
		err = read(result)
	}
	// luxid closes the connection after an answer without a class
	// (handleRawMessage in src/Ganeti/UDSServer.hs).
	var proto *ProtocolError
	var refused *Error
	if errors.As(err, &proto) || errors.As(err, &refused) && refused.Class == "" {
		c.drop(cn)
	} else {
		c.release(cn)
	}
	return err
}

// exchange sends request on an idle or a new connection and returns the answer
// together with the connection it came on, or nil for the latter if it is of
// no further use.
func (c *Client) exchange(ctx context.Context, method string, request []byte) (*conn, []byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, &OpError{Op: method, Socket: c.socket, Err: err}
	}
	for cn := c.takeIdle(); ; cn = nil {
		fresh := cn == nil
		if fresh {
			var err error
			if cn, err = c.connect(ctx); err != nil {
				return nil, nil, &OpError{Op: "dial", Socket: c.socket, Err: err}
			}
		}
		reply, sent, reusable, err := cn.exchange(ctx, request, c.opts.MaxReply)
		switch {
		case err == nil && reusable:
			return cn, reply, nil
		case err == nil:
			c.drop(cn)
			return nil, reply, nil
		}
		c.drop(cn)
		if errors.Is(err, ErrFrameTooLarge) {
			return nil, nil, &ProtocolError{Method: method,
				Problem: fmt.Sprintf("more than %d bytes", c.opts.MaxReply)}
		}
		if fresh || sent || ctx.Err() != nil {
			return nil, nil, &OpError{Op: method, Socket: c.socket, Sent: sent, Err: err}
		}
	}
}

// takeIdle returns the most recently used idle connection that is still good,
// or nil, and throws away those that are not.
func (c *Client) takeIdle() *conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.idle) > 0 {
		cn := c.idle[len(c.idle)-1]
		c.idle = c.idle[:len(c.idle)-1]
		if age := c.opts.Now().Sub(cn.idleSince); age >= 0 && age < maxIdleAge && cn.quiet() {
			return cn
		}
		delete(c.all, cn)
		cn.nc.Close()
	}
	return nil
}

// connect makes a new connection.
func (c *Client) connect(ctx context.Context) (*conn, error) {
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed {
		return nil, net.ErrClosed
	}
	ctx, cancel := context.WithTimeout(ctx, c.opts.DialTimeout)
	defer cancel()
	cn, err := dial(ctx, c.opts.Dial, c.timer)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		cn.nc.Close()
		return nil, net.ErrClosed
	}
	c.all[cn] = struct{}{}
	return cn, nil
}

// release keeps a connection for the next call. A nil conn is allowed.
func (c *Client) release(cn *conn) {
	if cn == nil {
		return
	}
	cn.idleSince = c.opts.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed && len(c.idle) < maxIdle {
		c.idle = append(c.idle, cn)
		return
	}
	delete(c.all, cn)
	cn.nc.Close()
}

// drop closes a connection. A nil conn is allowed.
func (c *Client) drop(cn *conn) {
	if cn == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.all, cn)
	cn.nc.Close()
}

// encodeRequest returns the frame for a request. The key version of Ganeti's
// own clients is left out: luxid does not read it (parseCall in
// src/Ganeti/UDSServer.hs).
func encodeRequest(method string, args []any) ([]byte, error) {
	if args == nil {
		args = []any{}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // keeps filters legible: "<", not "\u003c"
	err := enc.Encode(struct {
		Method string `json:"method"`
		Args   []any  `json:"args"`
	}{method, args})
	if err != nil {
		return nil, err
	}
	return appendFrame(nil, bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// parseReply takes an answer apart and returns its result, an Error if luxid
// refused, or a ProtocolError.
func parseReply(method string, reply []byte) (json.RawMessage, error) {
	bad := func(format string, args ...any) error {
		return &ProtocolError{Method: method, Problem: fmt.Sprintf(format, args...)}
	}
	if !json.Valid(reply) {
		return nil, bad("malformed JSON: %s", excerpt(reply))
	}
	m, err := object(reply)
	if err != nil {
		return nil, bad("%v: %s", err, excerpt(reply))
	}
	raw, ok := m["success"]
	if !ok {
		return nil, bad("no key \"success\"")
	}
	var success bool
	if err := decode(raw, &success); err != nil {
		return nil, bad("success: %v", err)
	}
	result, ok := m["result"]
	if !ok {
		return nil, bad("no key \"result\"")
	}
	if success {
		return result, nil
	}
	if e := parseError(result); e != nil {
		return nil, e
	}
	return nil, bad("error of unknown form: %s", excerpt(result))
}
