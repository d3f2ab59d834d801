package nodesim

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sort"
	"sync"
)

// Options say how a fleet meets its master.
type Options struct {
	// Certificate is the cluster's server.pem: the certificate and key that all
	// node daemons share. The client's certificate must be signed by it.
	Certificate []byte
	// Listen opens a socket on an address where the master finds the node.
	Listen func(address string) (net.Listener, error)
	// Master is the name of the node that the nodes take for the master until
	// they are told of another.
	Master string
	// Version is what nodes answer to "version", such as 3000000.
	Version int
}

// Port is that of the node daemon.
const Port = 1811

// Fleet is a set of simulated nodes. Its methods may be called concurrently.
type Fleet struct {
	opts Options
	tls  *tls.Config
	done chan struct{} // closed by Close

	mu        sync.Mutex
	nodes     map[string]*node   // by name
	uuids     map[string]*node   // by UUID
	shared    map[string]*volume // storage that every node reaches, by key
	faults    []*Fault
	calls     []Call
	hook      func(Call) // told each call before it is answered
	incidents []string
	polls     int             // looks that a resynchronization or migration takes
	stuck     map[string]bool // instances whose disks never get in sync
	written   int             // counts contents
	migrating map[string]int  // polls left of a migration, by instance
}

// New returns a fleet without nodes.
func New(o Options) (*Fleet, error) {
	pair, err := tls.X509KeyPair(o.Certificate, o.Certificate)
	if err != nil {
		return nil, fmt.Errorf("nodesim: server.pem: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(o.Certificate) {
		return nil, errors.New("nodesim: server.pem has no certificate")
	}
	return &Fleet{
		opts: o,
		tls: &tls.Config{
			Certificates: []tls.Certificate{pair},
			ClientAuth:   tls.RequireAndVerifyClientCert,
			ClientCAs:    pool,
		},
		done:      make(chan struct{}),
		nodes:     make(map[string]*node),
		uuids:     make(map[string]*node),
		shared:    make(map[string]*volume),
		stuck:     make(map[string]bool),
		migrating: make(map[string]int),
	}, nil
}

// Close ends all nodes and the calls they are answering.
func (f *Fleet) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.done:
		return
	default:
	}
	close(f.done)
	for _, n := range f.nodes {
		n.hangUp()
	}
}

// Call is a call that a node answered, or is about to.
type Call struct {
	Node     string
	Name     string // "instance_start"
	Instance string // its name, "" for calls that are about none
	Err      string // what the node said went wrong, "" if nothing did
}

// OnCall sets a function that is told each call before it is answered; nil for
// none. It may use the fleet.
func (f *Fleet) OnCall(hook func(Call)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hook = hook
}

// Calls lists the calls of the given names, all if there are none, in the order
// of their answers.
func (f *Fleet) Calls(names ...string) []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []Call
	for _, c := range f.calls {
		if len(names) == 0 || contains(names, c.Name) {
			list = append(list, c)
		}
	}
	return list
}

// Count returns how many calls of that name an instance has had that succeeded.
func (f *Fleet) Count(name, instance string) int {
	n := 0
	for _, c := range f.Calls(name) {
		if c.Instance == instance && c.Err == "" {
			n++
		}
	}
	return n
}

// Incidents tell what a cluster must never see: an instance that runs twice, or
// starts from data that are stale or incomplete.
func (f *Fleet) Incidents() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.incidents...)
}

func (f *Fleet) incident(format string, args ...interface{}) {
	f.incidents = append(f.incidents, fmt.Sprintf(format, args...))
}

// SetPolls says after how many looks at it a resynchronization of DRBD or a
// migration is done; 0, which is how a fleet begins, means at once.
func (f *Fleet) SetPolls(polls int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.polls = polls
}

// StickSync lets resynchronizations of an instance's disks never end, or end
// again.
func (f *Fleet) StickSync(instance string, stuck bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stuck[instance] = stuck
}

// RunsOn lists the nodes on which the instance runs, sorted.
func (f *Fleet) RunsOn(instance string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.runsOn(instance)
}

func (f *Fleet) runsOn(instance string) []string {
	var list []string
	for _, n := range f.nodes {
		if _, ok := n.running[instance]; ok {
			list = append(list, n.spec.Name)
		}
	}
	sort.Strings(list)
	return list
}

// nodeNames lists all nodes, sorted.
func (f *Fleet) nodeNames() []string {
	var names []string
	for name := range f.nodes {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
