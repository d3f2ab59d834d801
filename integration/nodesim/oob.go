package nodesim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// OOB is how the out-of-band program behaves that switches nodes on and off.
type OOB string

// The ways in which an out-of-band program behaves.
const (
	OOBWorks    OOB = "works"    // does what it is told
	OOBFails    OOB = "fails"    // does nothing and ends with an error
	OOBLies     OOB = "lies"     // changes no power and says that it did; power-status is right
	OOBDeceives OOB = "deceives" // as OOBLies, and power-status tells what was asked for
	OOBHangs    OOB = "hangs"    // does not end before it behaves otherwise
)

// SetOOB says how the out-of-band program behaves for a node, or, with "", for all
// nodes of which nothing else was said.
func (f *Fleet) SetOOB(name string, o OOB) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if name != "" {
		f.mustNode(name)
	}
	f.oob[name] = o
	close(f.oobChange)
	f.oobChange = make(chan struct{})
}

// RunOOB is the out-of-band program: it executes a command for a node and returns
// its output, as ganeti's design-oob.rst wants it. Commands are power-on, power-off,
// power-cycle, power-status and health.
func (f *Fleet) RunOOB(ctx context.Context, command, name string) (string, error) {
	for {
		f.mu.Lock()
		o, ok := f.oob[name]
		if !ok {
			o = f.oob[""]
		}
		if o != OOBHangs {
			defer f.mu.Unlock()
			return f.obey(o, command, name)
		}
		change := f.oobChange
		f.mu.Unlock()
		select {
		case <-change:
		case <-f.done:
			return "", errors.New("the fleet is closed")
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

func (f *Fleet) obey(o OOB, command, name string) (string, error) {
	n := f.nodes[name]
	if n == nil {
		return "", fmt.Errorf("unknown node %s", name)
	}
	if o == OOBFails {
		return "", errors.New("the management board does not answer")
	}
	lies := o == OOBLies || o == OOBDeceives
	switch command {
	case "power-on":
		n.claimed = true
		if !lies && !n.powered {
			return "", f.powerOn(n)
		}
	case "power-off":
		n.claimed = false
		if !lies {
			f.powerOff(n)
		}
	case "power-cycle":
		n.claimed = true
		if !lies {
			f.powerOff(n)
			return "", f.powerOn(n)
		}
	case "power-status":
		powered := n.powered
		if o == OOBDeceives {
			powered = n.claimed
		}
		data, err := json.Marshal(map[string]bool{"powered": powered})
		return string(data), err
	case "health":
		return `[["disk0", "OK"]]`, nil
	default:
		return "", fmt.Errorf("unknown command %s", command)
	}
	return "", nil
}
