package nodesim

import (
	"strings"
	"time"
)

// Fault is a rule that makes calls fail, hang, lose their connection or answer late.
// Node, Call and Instance select the calls; an empty one selects all.
type Fault struct {
	Node     string
	Call     string // a name, or the beginning of one and "*"
	Instance string

	Times int // how many calls it applies to; 0 for all

	Fail   string        // the node answers with this error
	After  bool          // Fail, Drop and Result come after the call was executed
	Drop   bool          // the connection ends without an answer
	Hang   bool          // the node answers when the fault is lifted
	Delay  time.Duration // the answer is late
	Result interface{}   // the node answers with this result

	used   int
	lifted chan struct{}
}

// Inject adds a fault and returns the function that lifts it. If several faults
// select a call, the first one is used.
func (f *Fleet) Inject(fault Fault) (lift func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	added := &fault
	added.lifted = make(chan struct{})
	f.faults = append(f.faults, added)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		for k, x := range f.faults {
			if x == added {
				f.faults = append(f.faults[:k:k], f.faults[k+1:]...)
				close(added.lifted)
				return
			}
		}
	}
}

// Hits returns to how many calls the first fault with that call name has applied.
func (f *Fleet) Hits(call string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, x := range f.faults {
		if x.Call == call {
			return x.used
		}
	}
	return 0
}

// match returns the fault that applies to the call, or nil.
func (f *Fleet) match(c Call) *Fault {
	for _, x := range f.faults {
		if x.fits(c) && (x.Times == 0 || x.used < x.Times) {
			x.used++
			return x
		}
	}
	return nil
}

func (x *Fault) fits(c Call) bool {
	name := x.Call == "" || x.Call == c.Name
	if strings.HasSuffix(x.Call, "*") {
		name = strings.HasPrefix(c.Name, strings.TrimSuffix(x.Call, "*"))
	}
	return name && (x.Node == "" || x.Node == c.Node) && (x.Instance == "" || x.Instance == c.Instance)
}
