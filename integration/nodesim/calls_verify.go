package nodesim

import (
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"sort"
	"time"
)

// nodeVerify takes what to verify, and answers as far as the simulator knows
// (VerifyNode in lib/backend.py).
func nodeVerify(n *node, a *arguments) (interface{}, error) {
	var what map[string]json.RawMessage
	a.get(0, &what)
	result := make(map[string]interface{})
	for key, param := range what {
		if answer, ok := verifiers[key]; ok {
			result[key] = answer(n, param)
		}
	}
	return result, nil
}

// verifiers answer the questions of node_verify. A list or an object of problems is
// empty.
var verifiers = map[string]func(n *node, param json.RawMessage) interface{}{
	"version": func(n *node, _ json.RawMessage) interface{} {
		return []interface{}{n.fleet.opts.Version, n.fleet.opts.Release}
	},
	"time": func(*node, json.RawMessage) interface{} {
		t := time.Now()
		return []int64{t.Unix(), int64(t.Nanosecond() / 1000)}
	},
	"vglist":       func(n *node, _ json.RawMessage) interface{} { return n.groupSizes() },
	"lvlist":       func(n *node, _ json.RawMessage) interface{} { return n.logicalVolumes(nil) },
	"pvlist":       func(n *node, _ json.RawMessage) interface{} { return n.verifyPhysical() },
	"oslist":       func(n *node, _ json.RawMessage) interface{} { return n.diagnoseSystems() },
	"hvinfo":       func(n *node, _ json.RawMessage) interface{} { return n.hypervisorInfo() },
	"instancelist": (*node).verifyInstances,
	"filelist":     (*node).verifyFiles,
	"drbd-list":    func(n *node, _ json.RawMessage) interface{} { return n.minors() },
	"drbd-helper":  func(*node, json.RawMessage) interface{} { return []interface{}{true, "/bin/true"} },
	"drbd-version": func(*node, json.RawMessage) interface{} { return "8.4.11 (api:1/proto:86-101)" },
	"master-ip":    func(*node, json.RawMessage) interface{} { return true },
	"client-cert":  func(*node, json.RawMessage) interface{} { return []interface{}{nil, nil} },

	"hypervisor":    noProblems,
	"nodelist":      noProblems,
	"node-net-test": noProblems,
	"hvparms":       noProblem,
	"nodesetup":     noProblem,
	"user-scripts":  noProblem,
	"bridges":       noProblem,
	"exclusive-pvs": noProblem,
}

func noProblems(*node, json.RawMessage) interface{} { return map[string]string{} }

func noProblem(*node, json.RawMessage) interface{} { return []string{} }

// verifyInstances lists the running instances of some hypervisors.
func (n *node) verifyInstances(param json.RawMessage) interface{} {
	var hypervisors []string
	_ = json.Unmarshal(param, &hypervisors) // with another argument there are none
	return n.instances(hypervisors)
}

// verifyFiles returns the checksums of the files that are there.
func (n *node) verifyFiles(param json.RawMessage) interface{} {
	var names []string
	_ = json.Unmarshal(param, &names) // with another argument there are none
	sums := make(map[string]string)
	for _, name := range names {
		if n.fleet.opts.ReadFile == nil {
			continue
		}
		if data, err := n.fleet.opts.ReadFile(name); err == nil {
			sums[name] = fmt.Sprintf("%x", sha1.Sum(data))
		}
	}
	return sums
}

// minors lists the minor numbers of the devices that are set up.
func (n *node) minors() []int {
	list := []int{}
	for _, dev := range n.drbd {
		list = append(list, dev.minor)
	}
	sort.Ints(list)
	return list
}

// verifyPhysical lists the physical volumes as objects.
func (n *node) verifyPhysical() interface{} {
	list := []interface{}{}
	for _, group := range n.groupNames() {
		names, sizes, free := n.physicalVolumes(group)
		for k := range names {
			list = append(list, map[string]interface{}{
				"name": names[k], "vg_name": group, "size": float64(sizes[k]), "free": float64(free[k]), "attributes": "a--", "lv_list": []string{},
			})
		}
	}
	return list
}
