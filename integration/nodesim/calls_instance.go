package nodesim

import "fmt"

// info is what hypervisors tell of an instance. The state is 0 while it runs, and 1 once
// its user has shut it down (HvInstanceState in lib/hypervisor/hv_base.py).
func (r *running) info() map[string]interface{} {
	state := 0
	if r.state == shutDown {
		state = 1
	}
	return map[string]interface{}{"memory": r.memory, "vcpus": r.vcpus, "state": state, "time": 1.0}
}

func allInstancesInfo(n *node, a *arguments) (interface{}, error) {
	var hypervisors []string
	a.get(0, &hypervisors)
	all := make(map[string]interface{})
	for name, r := range n.running {
		if contains(hypervisors, r.hypervisor) {
			all[name] = r.info()
		}
	}
	return all, nil
}

func instanceList(n *node, a *arguments) (interface{}, error) {
	var hypervisors []string
	a.get(0, &hypervisors)
	return n.instances(hypervisors), nil
}

// instances lists the instances of some hypervisors that have a process on the node.
func (n *node) instances(hypervisors []string) []string {
	names := []string{}
	for name, r := range n.running {
		if contains(hypervisors, r.hypervisor) {
			names = append(names, name)
		}
	}
	return names
}

func instanceInfo(n *node, a *arguments) (interface{}, error) {
	if r, ok := n.running[a.text(0)]; ok {
		return r.info(), nil
	}
	return map[string]interface{}{}, nil
}

// instanceStart starts nothing if there is a process already (StartInstance in
// lib/backend.py).
func instanceStart(n *node, a *arguments) (interface{}, error) {
	i := a.instance(0)
	if _, ok := n.running[i.Name]; ok || a.err != nil {
		return nil, nil
	}
	if n.freeMemory() < i.BEParams.MaxMem {
		return nil, callError(fmt.Sprintf("Could not start instance '%s': not enough memory", i.Name))
	}
	if err := n.begins(i); err != nil {
		return nil, err
	}
	n.running[i.Name] = i.process(executing)
	return nil, nil
}

func instanceShutdown(n *node, a *arguments) (interface{}, error) {
	name := a.instance(0).Name
	delete(n.running, name)
	if m := n.fleet.migrating[name]; m != nil && (m.source == n || m.target == n) {
		delete(n.fleet.migrating, name)
	}
	return nil, nil
}

// instanceOSAdd writes a new system to the instance's disks.
func instanceOSAdd(n *node, a *arguments) (interface{}, error) {
	i := a.instance(0)
	for _, d := range i.Disks {
		if v := n.volumeOf(d); d.DevType != "blockdev" && (v == nil || d.DevType == "drbd" && n.drbd[d.key()] == nil) {
			return nil, callError("OS create script failed: disk " + d.key() + " is not active")
		}
	}
	if i.OS == FailingOS {
		return nil, callError("OS create script failed (exited with exit code 1), last lines in the log file: no")
	}
	for _, d := range i.Disks {
		n.checkReplacement(i.Name, d.key(), "overwritten by an installation")
		n.write(d.key(), fmt.Sprintf("installed %d", n.fleet.writes+1))
	}
	return nil, nil
}

// FailingOS is the operating system whose scripts fail.
const FailingOS = "failing"

func instanceMigratable(n *node, a *arguments) (interface{}, error) {
	if i := a.instance(0); a.err == nil {
		if _, ok := n.running[i.Name]; !ok {
			return nil, callError("Instance " + i.Name + " is not running")
		}
	}
	return nil, nil
}

func acceptInstance(n *node, a *arguments) (interface{}, error) {
	i := a.instance(0)
	if a.err != nil {
		return nil, nil
	}
	return nil, n.accept(i)
}

// instanceMigrate takes the cluster's name and the instance. The migration takes
// some status calls.
func instanceMigrate(n *node, a *arguments) (interface{}, error) {
	i := a.instance(1)
	if a.err != nil {
		return nil, nil
	}
	return nil, n.migrate(i)
}

func migrationStatus(n *node, a *arguments) (interface{}, error) {
	i := a.instance(0)
	if a.err != nil {
		return nil, nil
	}
	status, err := n.transfer(i)
	return map[string]interface{}{"transferred_ram": 1, "total_ram": 1, "postcopy_status": nil, "status": status}, err
}

// finalizeSource takes the instance, whether the migration succeeded and whether it
// was live; finalizeTarget the instance, information from the source and whether it
// succeeded.
func finalizeSource(n *node, a *arguments) (interface{}, error) {
	i, success := a.instance(0), a.flag(1)
	if a.err == nil {
		n.endSource(i, success)
	}
	return nil, nil
}

func finalizeTarget(n *node, a *arguments) (interface{}, error) {
	i, success := a.instance(0), a.flag(2)
	if a.err == nil {
		n.endTarget(i, success)
	}
	return nil, nil
}
