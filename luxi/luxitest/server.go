package luxitest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"ganeti-autorepair/luxi"
)

// server is the LUXI socket of a Master.
type server struct {
	socket   string
	listener *net.UnixListener
	conns    map[*serverConn]bool
	crashed  bool          // the socket file is there, and nobody listens
	quit     chan struct{} // closed by Close
	wg       sync.WaitGroup
}

// serverConn is one client's connection. Its fields are guarded by the Master's mutex.
type serverConn struct {
	net.Conn
	gone      chan struct{} // closed when the master drops the connection
	dropped   bool
	busy      bool
	idleSince time.Time
}

// drop ends the connection, one that is busy with a request after that request: otherwise the client would go on beside
// its own call, and which of the two came first would differ from run to run.
func (c *serverConn) drop() {
	if !c.dropped {
		c.dropped = true
		close(c.gone)
		if !c.busy {
			c.Close()
		}
	}
}

// Start serves LUXI on the socket path until Close. A path has at most 107 bytes on Linux.
func (m *Master) Start(path string) error {
	m.lock()
	if m.quit != nil {
		m.unlock()
		return errors.New("luxitest: already started")
	}
	m.socket = path
	m.quit = make(chan struct{})
	m.conns = make(map[*serverConn]bool)
	if !m.clock.virtual {
		m.wg.Add(1)
		go m.drive(m.quit)
	}
	m.unlock()
	if err := m.StartLuxid(); err != nil {
		m.Close()
		return err
	}
	return nil
}

// Dial connects a client without going by the socket, which makes tests with many calls much faster; it is for
// luxi.Options. Between Start and Close it does what connecting to the socket does.
func (m *Master) Dial(context.Context) (net.Conn, error) {
	m.lock()
	defer m.unlock()
	if m.listener == nil {
		why := syscall.ENOENT
		if m.crashed {
			why = syscall.ECONNREFUSED
		}
		return nil, &net.OpError{Op: "dial", Net: "unix", Addr: &net.UnixAddr{Name: m.socket, Net: "unix"}, Err: os.NewSyscallError("connect", why)}
	}
	client, served := net.Pipe()
	m.take(served)
	return client, nil
}

// take serves a connection.
func (m *Master) take(nc net.Conn) {
	c := &serverConn{Conn: nc, gone: make(chan struct{}), idleSince: m.now}
	m.conns[c] = true
	m.wg.Add(1)
	go m.serve(c)
}

// Socket returns the path given to Start.
func (m *Master) Socket() string {
	m.lock()
	defer m.unlock()
	return m.socket
}

// Close ends the service and waits for everything that Start began. The state remains to be looked at.
func (m *Master) Close() error {
	m.lock()
	if m.quit == nil {
		m.unlock()
		return nil
	}
	close(m.quit)
	m.stopListening(true)
	m.unlock()
	m.wg.Wait()
	m.lock()
	m.quit = nil
	m.unlock()
	return nil
}

// StopLuxid ends luxid: its socket vanishes, connections drop, nothing is scheduled. Jobs that run go on.
func (m *Master) StopLuxid() { m.stopLuxid(true) }

// CrashLuxid is StopLuxid, except that the socket file stays behind and refuses connections.
func (m *Master) CrashLuxid() { m.stopLuxid(false) }

func (m *Master) stopLuxid(unlink bool) {
	m.lock()
	defer m.unlock()
	m.note(LogTest, "luxid stopped")
	m.down, m.crashed = true, !unlink
	m.stopListening(unlink)
}

func (m *Master) stopListening(unlink bool) {
	if m.listener != nil {
		m.listener.SetUnlinkOnClose(unlink)
		m.listener.Close()
		m.listener = nil
	}
	for c := range m.conns {
		c.drop()
	}
}

// StartLuxid starts luxid after StopLuxid or CrashLuxid.
func (m *Master) StartLuxid() error {
	m.lock()
	defer m.unlock()
	if m.quit == nil {
		return errors.New("luxitest: not started")
	}
	select {
	case <-m.quit:
		return errors.New("luxitest: closed")
	default:
	}
	if m.listener != nil {
		return nil
	}
	if err := os.Remove(m.socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("luxitest: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: m.socket, Net: "unix"})
	if err != nil {
		return fmt.Errorf("luxitest: %w", err)
	}
	m.listener = l
	if m.down {
		m.note(LogTest, "luxid started")
		m.down = false
		for _, j := range m.jobs {
			j.inherited = j.inherited || j.slot
		}
		m.schedule()
	}
	m.wg.Add(1)
	go m.accept(l)
	return nil
}

func (m *Master) accept(l *net.UnixListener) {
	defer m.wg.Done()
	for {
		nc, err := l.Accept()
		if err != nil {
			return // closed
		}
		m.lock()
		if m.listener != l {
			nc.Close()
		} else {
			m.take(nc)
		}
		m.unlock()
	}
}

// drive runs the events that are due while no client calls, under a real clock.
func (m *Master) drive(quit chan struct{}) {
	defer m.wg.Done()
	for {
		m.lock()
		m.closeIdle()
		pause := 50 * time.Millisecond
		if at, ok := m.future.next(); ok && m.real(at.Sub(m.now)) < pause {
			pause = m.real(at.Sub(m.now))
		}
		m.unlock()
		timer := time.NewTimer(pause)
		select {
		case <-quit:
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// closeIdle drops connections that were silent for too long, as luxid does after LUXI_DEF_RWTO.
func (m *Master) closeIdle() {
	if m.opts.IdleTimeout == 0 {
		return
	}
	for c := range m.conns {
		if !c.busy && m.now.Sub(c.idleSince) >= m.opts.IdleTimeout {
			c.drop()
		}
	}
}

// serve handles the requests of one connection, one after the other.
func (m *Master) serve(c *serverConn) {
	defer m.wg.Done()
	defer func() {
		m.lock()
		c.drop()
		c.Close()
		delete(m.conns, c)
		m.unlock()
	}()
	r := bufio.NewReader(c)
	for {
		request, err := luxi.ReadFrame(r, 0x7fffffff)
		if err != nil {
			return
		}
		m.lock()
		c.busy = true
		dropped := c.dropped
		m.unlock()
		if dropped || !m.answer(c, request) {
			return
		}
	}
}

// answer handles one request, faults included. It reports whether the connection goes on.
func (m *Master) answer(c *serverConn, request []byte) bool {
	call, parsed := m.identify(request)
	m.lock()
	hook := m.onCall
	m.unlock()
	var fault Fault
	if hook != nil {
		fault = hook(call)
	}
	if !m.delay(c, call, fault) {
		return false
	}
	switch fault.kind {
	case faultDieBefore:
		return false
	case faultIgnore:
		<-c.gone
		return false
	}
	if fault.kind == faultReply {
		return m.idle(c) && luxi.WriteFrame(c, fault.payload) == nil
	}
	reply, stays := m.handle(c, call, parsed)
	if !m.idle(c) {
		return false
	}
	switch fault.kind {
	case faultDieAfter:
		return false
	case faultHang:
		<-c.gone
		return false
	case faultReplace:
		return luxi.WriteFrame(c, fault.payload) == nil && stays
	case faultCut:
		n := fault.cut
		if n > len(reply) {
			n = len(reply)
		}
		_, _ = c.Write(reply[:n]) // the connection ends either way
		return false
	}
	if reply == nil {
		return false
	}
	return luxi.WriteFrame(c, reply) == nil && stays
}

// idle marks the connection as idle. That is done before the reply is sent, so that a client which has the reply finds
// the master's state settled. It reports false if the master has dropped the connection meanwhile.
func (m *Master) idle(c *serverConn) bool {
	m.lock()
	defer m.unlock()
	c.busy, c.idleSince = false, m.now
	return !c.dropped
}

// identify numbers the call and logs it.
func (m *Master) identify(request []byte) (Call, error) {
	method, args, err := parseRequest(request)
	m.lock()
	defer m.unlock()
	m.calls++
	m.byName[method]++
	m.note(LogCall, "%s", method+summarizeArgs(method, args))
	return Call{N: m.calls, MethodN: m.byName[method], Method: method, Args: args}, err
}

// delay lets the time pass that the call and the fault take. It reports false if the connection ended meanwhile.
func (m *Master) delay(c *serverConn, call Call, f Fault) bool {
	m.lock()
	if f.kind != faultNone {
		m.note(LogFault, "call %d %s: %s", call.N, call.Method, faultNames[f.kind])
	}
	d := f.delay
	if m.clock.virtual {
		m.advance(d + m.opts.CallTime)
		d = 0
	}
	pause := m.real(d)
	m.unlock()
	if pause <= 0 {
		return true
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.gone:
		return false
	}
}

// parseRequest implements hs:UDSServer.hs parseCall: only method and args are looked at.
func parseRequest(request []byte) (string, json.RawMessage, error) {
	var msg map[string]json.RawMessage
	if err := json.Unmarshal(request, &msg); err != nil {
		return "", nil, fmt.Errorf("parsing top-level JSON message: %v", err)
	}
	method, err := text(msg["method"])
	if err != nil {
		return "", nil, errors.New("key 'method' not found")
	}
	args, ok := msg["args"]
	if !ok {
		return method.(string), nil, errors.New("key 'args' not found")
	}
	return method.(string), args, nil
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
