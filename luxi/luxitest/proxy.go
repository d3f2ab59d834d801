package luxitest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"ganeti-autorepair/luxi"
)

// Stage is a point in an exchange of a request and its reply.
type Stage int

// The stages at which a Proxy calls its hook.
const (
	AtRequest Stage = iota // the request was read from the client and not yet forwarded
	AtReply                // the reply was read from the master and not yet forwarded
)

// Exchange is a request that passes through a Proxy and, at AtReply, its reply.
type Exchange struct {
	N       int // 1 for the first request
	MethodN int // 1 for the first request of this method
	Method  string
	Request []byte
	Reply   []byte // nil at AtRequest
}

// Action is what a Proxy does with a message; the zero Action forwards it. The functions are called in the goroutine
// of the connection, so that what they do (killing a process, say) happens exactly there.
type Action struct {
	Before  func()        // called before the message is forwarded
	Delay   time.Duration // pause before forwarding
	Replace []byte        // forwarded in place of the message
	Cut     bool          // only the first half is forwarded, then both connections are closed
	Drop    bool          // nothing is forwarded, both connections are closed
	After   func()        // called after forwarding
}

// Proxy forwards LUXI between clients and a master, one request at a time per connection, and lets a hook interfere.
type Proxy struct {
	upstream string
	hook     func(Stage, Exchange) Action
	listener net.Listener

	mu     sync.Mutex
	conns  map[net.Conn]bool
	closed bool
	n      int
	byName map[string]int
	wg     sync.WaitGroup
}

// NewProxy listens on the socket path and connects each client to the master at upstream. The hook may be nil. It is
// called from several goroutines if there are several clients.
func NewProxy(path, upstream string, hook func(Stage, Exchange) Action) (*Proxy, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("luxitest: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("luxitest: %w", err)
	}
	if hook == nil {
		hook = func(Stage, Exchange) Action { return Action{} }
	}
	p := &Proxy{
		upstream: upstream, hook: hook, listener: l,
		conns: make(map[net.Conn]bool), byName: make(map[string]int),
	}
	p.wg.Add(1)
	go p.accept()
	return p, nil
}

// Requests returns how many requests have come in so far. A first run without faults counts the points at which a
// later one can be hit.
func (p *Proxy) Requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n
}

// Close drops all connections and waits for them to end.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	for c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	err := p.listener.Close()
	p.wg.Wait()
	return err
}

// keep registers a connection to be closed by Close. It reports false if that is past.
func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		c.Close()
		return false
	}
	p.conns[c] = true
	return true
}

func (p *Proxy) end(c net.Conn) {
	p.mu.Lock()
	delete(p.conns, c)
	p.mu.Unlock()
	c.Close()
}

func (p *Proxy) accept() {
	defer p.wg.Done()
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		if p.keep(c) {
			p.wg.Add(1)
			go p.serve(c)
		}
	}
}

func (p *Proxy) serve(client net.Conn) {
	defer p.wg.Done()
	defer p.end(client)
	master, err := net.Dial("unix", p.upstream)
	if err != nil || !p.keep(master) {
		return
	}
	defer p.end(master)
	fromClient, fromMaster := bufio.NewReader(client), bufio.NewReader(master)
	for {
		request, err := luxi.ReadFrame(fromClient, luxi.DefaultMaxFrame)
		if err != nil {
			return
		}
		x := p.number(request)
		if !p.forward(AtRequest, x, request, master) {
			return
		}
		reply, err := luxi.ReadFrame(fromMaster, luxi.DefaultMaxFrame)
		if err != nil {
			return
		}
		x.Reply = reply
		if !p.forward(AtReply, x, reply, client) {
			return
		}
	}
}

func (p *Proxy) number(request []byte) Exchange {
	var msg struct {
		Method string `json:"method"`
	}
	_ = json.Unmarshal(request, &msg) // whatever it is, it is forwarded
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	p.byName[msg.Method]++
	return Exchange{N: p.n, MethodN: p.byName[msg.Method], Method: msg.Method, Request: request}
}

// forward passes one message on as the hook says. It reports whether the connections go on.
func (p *Proxy) forward(s Stage, x Exchange, payload []byte, to net.Conn) bool {
	a := p.hook(s, x)
	if a.Before != nil {
		a.Before()
	}
	time.Sleep(a.Delay)
	if a.Replace != nil {
		payload = a.Replace
	}
	ok := true
	switch {
	case a.Drop:
		ok = false
	case a.Cut:
		_, _ = to.Write(payload[:len(payload)/2]) // the connection ends either way
		ok = false
	default:
		ok = luxi.WriteFrame(to, payload) == nil
	}
	if a.After != nil {
		a.After()
	}
	return ok
}
