package nodesim

import "fmt"

func (r running) info() map[string]interface{} {
	return map[string]interface{}{"memory": r.memory, "vcpus": r.vcpus, "state": 0, "time": 1.0}
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
	names := []string{}
	for name, r := range n.running {
		if contains(hypervisors, r.hypervisor) {
			names = append(names, name)
		}
	}
	return names, nil
}

func instanceInfo(n *node, a *arguments) (interface{}, error) {
	if r, ok := n.running[a.text(0)]; ok {
		return r.info(), nil
	}
	return map[string]interface{}{}, nil
}

func instanceStart(n *node, a *arguments) (interface{}, error) {
	i := a.instance(0)
	if _, ok := n.running[i.Name]; ok || a.err != nil {
		return nil, nil
	}
	if n.freeMemory() < i.BEParams.MaxMem {
		return nil, callError(fmt.Sprintf("Could not start instance '%s': not enough memory", i.Name))
	}
	if err := n.starts(i); err != nil {
		return nil, err
	}
	n.running[i.Name] = running{hypervisor: i.Hypervisor, memory: i.BEParams.MaxMem, vcpus: i.BEParams.VCPUs}
	return nil, nil
}

func instanceShutdown(n *node, a *arguments) (interface{}, error) {
	delete(n.running, a.instance(0).Name)
	return nil, nil
}

// instanceOSAdd writes a new system to the instance's disks.
func instanceOSAdd(n *node, a *arguments) (interface{}, error) {
	i := a.instance(0)
	for _, d := range i.Disks {
		if v := n.volumeOf(d); v == nil || d.DevType == "drbd" && n.drbd[d.key()] == nil {
			return nil, callError("OS create script failed: disk " + d.key() + " is not active")
		}
	}
	if i.OS == FailingOS {
		return nil, callError("OS create script failed (exited with exit code 1), last lines in the log file: no")
	}
	for _, d := range i.Disks {
		n.fleet.written++
		n.write(d.key(), fmt.Sprintf("installed %d", n.fleet.written))
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

// instanceMigrate begins a migration: it takes some looks at its status.
func instanceMigrate(n *node, a *arguments) (interface{}, error) {
	i := a.instance(1)
	if _, ok := n.running[i.Name]; !ok {
		return nil, callError("Instance " + i.Name + " is not running")
	}
	n.fleet.migrating[i.Name] = n.fleet.polls
	return nil, nil
}

func migrationStatus(n *node, a *arguments) (interface{}, error) {
	i := a.instance(0)
	answer := map[string]interface{}{"transferred_ram": 1, "total_ram": 1, "postcopy_status": nil, "status": "completed"}
	if n.fleet.migrating[i.Name] > 0 {
		n.fleet.migrating[i.Name]--
		answer["status"] = "active"
	}
	return answer, nil
}

func finalizeSource(n *node, a *arguments) (interface{}, error) {
	i := a.instance(0)
	var success bool
	a.get(1, &success)
	if success {
		delete(n.running, i.Name)
	}
	return nil, nil
}

func finalizeTarget(n *node, a *arguments) (interface{}, error) {
	i := a.instance(0)
	var success bool
	a.get(2, &success)
	if !success {
		return nil, nil
	}
	// The source still shows it until its own turn, or has lost it already.
	for _, other := range n.fleet.runsOn(i.Name) {
		delete(n.fleet.nodes[other].running, i.Name)
	}
	if err := n.starts(i); err != nil {
		return nil, err
	}
	n.running[i.Name] = running{hypervisor: i.Hypervisor, memory: i.BEParams.MaxMem, vcpus: i.BEParams.VCPUs}
	return nil, nil
}
