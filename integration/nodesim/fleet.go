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

// Options describe the cluster that a fleet belongs to.
type Options struct {
	// Certificate is the cluster's server.pem: the certificate and key that all
	// node daemons share. The client's certificate must be signed by it.
	Certificate []byte
	// Listen opens a socket on the address of a node, as the master knows it.
	Listen func(address string) (net.Listener, error)
	// Master is the name of the master node. The nodes answer with it until they are
	// told of another one.
	Master string
	// Version is what nodes answer to "version", such as 3000000. It also decides
	// what the nodes mean by ldisk_status 4; see status.go.
	Version int
	// Release is the release of Ganeti, such as "3.0.2", which node_verify tells.
	Release string
	// ReadFile returns a file of the cluster by the name that node_verify asks for.
	// All nodes answer that they have it; nil stands for no file.
	ReadFile func(name string) ([]byte, error)
}

// Port is the port of the node daemon.
const Port = 1811

// Fleet is a set of simulated nodes. Its methods may be called concurrently.
// Those that take the name of a node panic if there is no such node.
type Fleet struct {
	opts Options
	tls  *tls.Config
	done chan struct{} // closed by Close

	mu         sync.Mutex
	nodes      map[string]*node   // by name
	uuids      map[string]*node   // by UUID
	shared     map[string]*volume // storage that every node reaches, by key
	cut        map[link]bool      // pairs of nodes without replication
	offline    map[string]bool    // nodes that the master has marked offline, as last told
	faults     []*Fault
	calls      []Call
	hook       func(Call) // told each call before it is answered
	incidents  []Incident
	polls      int                   // status calls that a resynchronization or migration takes
	stuck      map[string]bool       // instances whose disks never get in sync
	writes     int                   // counts writes
	migrating  map[string]*migration // by instance
	oob        map[string]OOB        // by node; "" stands for all others
	oobChange  chan struct{}         // closed and replaced when oob changes
	noDiskless bool                  // a DRBD device is never set up without its volumes
	current    string                // the call that is being executed, as incidents tell it
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
		cut:       make(map[link]bool),
		offline:   make(map[string]bool),
		stuck:     make(map[string]bool),
		migrating: make(map[string]*migration),
		oob:       make(map[string]OOB),
		oobChange: make(chan struct{}),
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

// SetPolls sets after how many status calls a resynchronization of DRBD or a migration
// is done. It is 0 at first: both are done at once.
func (f *Fleet) SetPolls(polls int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.polls = polls
}

// StickSync sets whether resynchronizations of an instance's disks never end.
func (f *Fleet) StickSync(instance string, stuck bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stuck[instance] = stuck
}

func (f *Fleet) mustNode(name string) *node {
	n := f.nodes[name]
	if n == nil {
		panic("nodesim: there is no node " + name)
	}
	return n
}

// sorted lists all nodes by name.
func (f *Fleet) sorted() []*node {
	var list []*node
	for _, n := range f.nodes {
		list = append(list, n)
	}
	sort.Slice(list, func(a, b int) bool { return list[a].spec.Name < list[b].spec.Name })
	return list
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
