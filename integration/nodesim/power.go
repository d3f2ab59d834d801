package nodesim

import "fmt"

// PowerOff is a loss of power: the node answers nothing and all that ran there
// ends. Its volumes stay.
func (f *Fleet) PowerOff(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.powerOff(f.mustNode(name))
}

func (f *Fleet) powerOff(n *node) {
	n.running = make(map[string]*running)
	f.reconnect(func() {
		n.powered = false
		n.hangUp()
	})
	n.drbd = make(map[string]*drbd)
	// The source of a migration is gone, or its target.
	for name, m := range f.migrating {
		if m.source == n || m.target == n {
			delete(f.migrating, name)
		}
	}
}

// PowerOn switches a node on, plugs it in and starts its daemon. It has the
// volumes it had; no DRBD device is set up and nothing runs, unless the node had
// been on all the time.
func (f *Fleet) PowerOn(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.powerOn(f.mustNode(name))
}

func (f *Fleet) powerOn(n *node) error {
	if !n.powered {
		n.boots++
	}
	f.reconnect(func() { n.powered, n.plugged, n.daemon = true, true, true })
	return n.answer()
}

// Powered reports whether a node has power, whether or not it answers.
func (f *Fleet) Powered(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mustNode(name).powered
}

// Unplug takes the network from a node: neither the master nor the other ends of
// its DRBD devices reach it. All on it runs on.
func (f *Fleet) Unplug(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.mustNode(name)
	f.reconnect(func() {
		n.plugged = false
		n.hangUp()
	})
}

// Plug gives the network back to a node. What ran there still runs.
func (f *Fleet) Plug(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.mustNode(name)
	f.reconnect(func() { n.plugged = true })
	return n.answer()
}

// StopDaemon ends the node daemon: the node answers nothing, and all else on it
// goes on, replication included.
func (f *Fleet) StopDaemon(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.mustNode(name)
	n.daemon = false
	n.hangUp()
}

// StartDaemon starts the node daemon again.
func (f *Fleet) StartDaemon(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.mustNode(name)
	n.daemon = true
	return n.answer()
}

// Replace puts a new machine in a node's place: it is on, and has no volume.
func (f *Fleet) Replace(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.mustNode(name)
	f.powerOff(n)
	n.volumes = make(map[string]*volume)
	return f.powerOn(n)
}

// online reports whether data on the node can be reached: it is powered and
// plugged, and the master has not marked it offline.
func (n *node) online() bool {
	return n.powered && n.plugged && !n.fleet.offline[n.spec.Name]
}

// bootID differs each time the node was switched on; ganeti-watcher notices by it
// that a node was rebooted.
func (n *node) bootID() string { return fmt.Sprintf("boot-%s-%d", n.spec.Name, n.boots) }
