package nodesim

// RunOutside lets an instance run on a node although nobody has asked the node daemon to
// start it: it was started there by other means. It uses no disks.
func (f *Fleet) RunOutside(name, instance string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mustNode(name).running[instance] = &running{hypervisor: "fake", vcpus: 1}
}

// ShutDownByUser ends an instance from within, wherever it runs. Its hypervisor keeps
// it, and says that it was shut down.
func (f *Fleet) ShutDownByUser(instance string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.nodes {
		if r := n.running[instance]; r != nil && r.state == executing {
			r.state = shutDown
		}
	}
}
