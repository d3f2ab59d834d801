//go:build cluster

package integration_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// scriptPart is a part of what is compared; parts follow each other on the same cluster.
type scriptPart struct {
	name string
	do   func(*side)
}

// callsScript is what is compared of calls, tags and the queue on a virtual cluster.
var callsScript = []scriptPart{
	{"fields", scriptFields},
	{"filters", scriptFilters},
	{"values", scriptValues},
	{"requests", scriptRequests},
	{"tags", scriptTags},
	{"queue", scriptQueue},
	{"held jobs", scriptHeld},
	{"jobs", scriptJobQueries},
}

// jobsScript is what is compared of jobs on instances while all nodes are there, on another
// one.
var jobsScript = []scriptPart{
	{"healthy moves", scriptHealthyMoves},
	{"state", scriptState},
	{"drained", scriptDrained},
}

// lossScript is what is compared of jobs when nodes are lost, and on nodes, on a third one.
var lossScript = []scriptPart{
	{"offline", scriptOffline},
	{"offline chain", scriptChain},
	{"dead", scriptDead},
	{"nodes", scriptNodes},
	{"storage", scriptStorage},
	{"admin", scriptAdmin},
}

// The fields that are compared by definition and, where it can be the same, by value.
var (
	instanceConfigFields = strings.Fields(`name uuid tags pnode pnode.group pnode.group.uuid snodes snodes.group
		snodes.group.uuid disk_template admin_state admin_state_source admin_up disks_active os hypervisor forthcoming
		disk.count disk.sizes disk_usage be/memory be/maxmem be/minmem be/vcpus be/auto_balance be/always_failover`)
	instanceLiveFields = strings.Fields(`status oper_state oper_ram oper_vcpus`)
	nodeConfigFields   = strings.Fields(`name uuid offline drained vm_capable master_candidate master_capable master role group
		group.uuid tags powered pinst_list sinst_list pinst_cnt sinst_cnt`)
	nodeLiveFields = strings.Fields(`mfree mtotal mnode dfree dtotal ctotal cnodes csockets cnos spfree sptotal bootid`)
	groupFields    = strings.Fields(`name uuid alloc_policy tags node_cnt pinst_list pinst_cnt node_list`)
	jobFields      = strings.Fields(`id status priority archived ops opresult opstatus oplog opstart opexec opend oppriority
		summary received_ts start_ts end_ts`)
	unsteadyFields = strings.Fields(`ctime mtime serial_no`)
)

func jsonList(names ...[]string) string {
	var all []string
	for _, n := range names {
		all = append(all, n...)
	}
	return `["` + strings.Join(all, `","`) + `"]`
}

func scriptFields(s *side) {
	for _, q := range []struct{ what, fields string }{
		{"instance", jsonList(instanceConfigFields, instanceLiveFields, unsteadyFields, []string{"no_such_field"})},
		{"node", jsonList(nodeConfigFields, nodeLiveFields, unsteadyFields, []string{"no_such_field"})},
		{"group", jsonList(groupFields, unsteadyFields, []string{"no_such_field"})},
		{"job", jsonList(jobFields, []string{"no_such_field"})},
		{"lock", `["name","mode","owner","pending","no_such_field"]`},
	} {
		defs, _, problem := s.query(q.what, q.fields, "null")
		for _, d := range defs {
			s.note("definition in "+q.what, fmt.Sprintf("%s %q %s %q", d["name"], d["title"], d["kind"], d["doc"]))
		}
		s.note(q.what, problem)
	}
	s.table("instance", jsonList(instanceConfigFields, instanceLiveFields, []string{"no_such_field"}), "null")
	s.table("node", jsonList(nodeConfigFields, []string{"no_such_field"}), "null")
	s.table("group", jsonList(groupFields[:7], []string{"no_such_field"}), "null")
	s.table("group", `[]`, "null")
	for _, what := range []string{"cluster", "os"} {
		s.table(what, `["name"]`, "null")
	}
}

func scriptFilters(s *side) {
	for _, f := range []string{
		`["=","name","d1"]`, `["==","name","d1"]`, `["=","name","nobody"]`, `["|",["=","name","d1"],["=","name","nobody"]]`,
		`["|",["=","name","f1"],["=","name","d1"]]`, `["&",["|",["=","name","f1"],["=","name","d1"],["=","name","nobody"]]]`,
		`["|"]`, `["&"]`, `["!",["=","name","d1"]]`, `["!=","name","d1"]`, `["=~","name","^[df]"]`, `["=~","name","("]`,
		`["?","admin_up"]`, `["!",["?","admin_up"]]`, `["?","name"]`, `["=","no_such_field","x"]`, `["?","no_such_field"]`,
		`["=","name",5]`, `["=","disk.count",1]`, `["<","disk.count",1]`, `[">=","be/memory",16]`, `[">","disk.count","1"]`,
		`["=[]","tags","x"]`, `["=[]","name","x"]`, `["=[]","tags",5]`, `["=","status","running"]`, `["=","pnode","node2"]`,
		`["&",["=","pnode","node2"],["=","admin_state","up"]]`, `["<","name","e"]`, `["=","uuid","nothing"]`, `["=","tags","x"]`,
		`["=~","disk.count","1"]`, `["=","disk.count",1.0]`, `["=","disk.count",1.5]`, `["no","name"]`, `[]`, `{}`, `5`, `"x"`,
		`["=","name"]`, `["=","name",null]`, `["=","name",true]`, `["=",5,"name"]`, `["!"]`, `["&",null]`, `["=","admin_up",true]`,
	} {
		s.table("instance", `["name"]`, f)
	}
	for _, f := range []string{`["=","name","node1"]`, `["=","name","node9"]`, `["?","offline"]`, `["?","master"]`, `["=[]","pinst_list","d1"]`} {
		s.table("node", `["name"]`, f)
	}
	for _, f := range []string{`["=","name","default"]`, `["=","name","nogroup"]`, `["=","alloc_policy","preferred"]`} {
		s.table("group", `["name"]`, f)
	}
	for _, c := range [][2]string{
		{"QueryInstances", `[["d1","nobody"],["name","pnode"],false]`}, {"QueryInstances", `[[],["name"],false]`},
		{"QueryInstances", `[[],["name"],true]`}, {"QueryInstances", `[[],["name","no_such_field"],false]`},
		{"QueryNodes", `[[],["name","drained"],false]`}, {"QueryGroups", `[["default"],["name"],false]`},
	} {
		s.observe(c[0], c[1])
	}
}

func scriptValues(s *side) {
	s.observe("QueryConfigValues", `[["cluster_name","master_node","drain_flag","watcher_pause","no_such_value"]]`)
	s.observe("QueryConfigValues", `[[]]`)
	var info map[string]json.RawMessage
	if err := json.Unmarshal([]byte(s.call("QueryClusterInfo", `[]`)), &info); err != nil {
		s.fatalf("%v", err)
	}
	for _, key := range strings.Fields(`software_version protocol_version config_version os_api_version export_version architecture
		default_hypervisor name uuid master tags enabled_disk_templates enabled_hypervisors default_iallocator
		default_iallocator_params max_running_jobs max_tracked_jobs candidate_pool_size maintain_node_health
		prealloc_wipe_disks mac_prefix master_netdev master_netmask`) {
		s.note("cluster info "+key, string(info[key]))
	}
	for _, args := range []string{
		`["cluster",""]`, `["node","node1"]`, `["nodegroup","default"]`, `["instance","d1"]`, `["instance","nobody"]`, `["node","x"]`,
		`["nodegroup","x"]`, `["network","x"]`, `["planet","x"]`, `["cluster",null]`, `["instance"]`,
	} {
		s.observe("QueryTags", args)
	}
}

func scriptRequests(s *side) {
	for _, args := range []string{`{}`, `[]`, `["node"]`, `["node",["name"]]`, `["planet",["name"],null]`, `["node",[5],null]`, `["node","name",null]`} {
		s.observe("Query", args)
	}
	s.observe("NoSuchCall", `[]`)
	s.observe("QueryJobs", `[5,["id"]]`)
	s.observe("QueryJobs", `[[-5],["id"]]`)
	s.observe("QueryJobs", `[[],["id","no_such_field"]]`)
	s.observe("WaitForJobChange", `[1]`)
	s.observe("WaitForJobChange", `[999999,["status"],null,null,1]`)
	s.observe("CancelJob", `[999999,false]`)
	s.observe("CancelJob", `[999999]`)
	s.observe("ArchiveJob", `[999999]`)
	s.observe("ChangeJobPriority", `[999999,5]`)
	for _, ops := range []string{
		op("TEST_DELAY"), op("TEST_DELAY", `"duration":"1"`), op("TEST_DELAY", `"duration":1,"what":1`), op("NO_SUCH_OP"),
		`{"OP_ID":"OP_TEST_DELAY","duration":1}`, `{"OP_ID":"OP_TEST_DELAY","duration":1,"reason":null}`,
		`{"OP_ID":"OP_TEST_DELAY","duration":1,"reason":[["a","b"]]}`, `{"OP_ID":"OP_TEST_DELAY","duration":1,"reason":[["a","b","c"]]}`,
		`{"duration":1,"reason":[]}`, `5`, op("TEST_DELAY", `"duration":1,"priority":5`), op("TEST_DELAY", `"duration":1,"priority":"0"`),
		op("TEST_DELAY", `"duration":1,"depends":[[1,["running"]]]`), op("TEST_DELAY", `"duration":1,"depends":[1]`),
		op("TEST_DELAY", `"duration":1,"on_master":"yes"`), op("TEST_DELAY", `"duration":1,"repeat":-1`),
		op("TEST_DELAY", `"duration":1,"on_nodes":[""]`), op("TEST_DELAY", `"duration":1,"comment":5`),
		op("TEST_DELAY", `"duration":null`), op("TAGS_SET", `"kind":"planet","tags":[]`), op("TAGS_SET", `"kind":"cluster"`),
		op("TAGS_SET", `"kind":"cluster","tags":"x"`), op("TAGS_SET", `"kind":"cluster","tags":[5]`),
		op("INSTANCE_FAILOVER"), op("INSTANCE_FAILOVER", `"instance_name":5`), op("INSTANCE_FAILOVER", on("d1"), `"target_node":""`),
		op("INSTANCE_FAILOVER", on("d1"), `"allow_failover":true`), op("INSTANCE_FAILOVER", on("d1"), `"instance_uuid":""`),
		op("INSTANCE_FAILOVER", on("d1"), `"shutdown_timeout":-1`), op("INSTANCE_MIGRATE", on("d1"), `"mode":"quick"`),
		op("INSTANCE_REPLACE_DISKS", on("d1")), op("INSTANCE_REPLACE_DISKS", on("d1"), `"mode":"replace"`),
		op("INSTANCE_REPLACE_DISKS", on("d1"), `"mode":"replace_auto","disks":["a"]`),
		op("INSTANCE_RECREATE_DISKS", on("d1"), `"nodes":"node1"`), op("INSTANCE_RECREATE_DISKS", on("d1"), `"disks":[[0]]`),
		op("INSTANCE_SHUTDOWN", on("d1"), `"shutdown_timeout":5`), op("INSTANCE_STARTUP", on("d1"), `"timeout":5`),
		op("INSTANCE_REINSTALL", on("d1"), `"os_type":""`), op("INSTANCE_SHUTDOWN", on("d1"), `"admin_state_source":"me"`),
		op("NODE_QUERY_STORAGE"), op("NODE_QUERY_STORAGE", `"output_fields":[""]`), op("NODE_QUERY_STORAGE", `"output_fields":["node"],"storage_type":"floppy"`),
		op("NODE_SET_PARAMS", `"node_name":"","offline":true`), op("NODE_SET_PARAMS", `"offline":true`),
	} {
		s.observe("SubmitJob", `[[`+ops+`]]`)
		s.observe("SubmitManyJobs", `[[[`+op("TEST_DELAY", `"duration":0.01`)+`],[`+ops+`]]]`)
	}
	s.observe("SubmitJob", `[`+op("TEST_DELAY", `"duration":1`)+`]`)
	s.observe("SubmitJob", `[]`)
	s.observe("SubmitManyJobs", `[[]]`)
	s.note("no job was made", s.next())
}

// next tells how many ids were used since the last call.
func (s *side) next() string {
	id := s.submit()
	n := id - s.base
	s.base = id
	return fmt.Sprint(n)
}

func scriptTags(s *side) {
	tags := func(kind, name, list string) string {
		if name != "null" {
			name = `"` + name + `"`
		}
		return `"kind":"` + kind + `","name":` + name + `,"tags":` + list
	}
	for _, o := range []struct{ kind, name string }{{"cluster", "null"}, {"node", "node2"}, {"nodegroup", "default"}, {"instance", "d1"}} {
		s.run(op("TAGS_SET", tags(o.kind, o.name, `["a:b/c","x","x"]`)))
		s.run(op("TAGS_SET", tags(o.kind, o.name, `["x"]`)))
		s.run(op("TAGS_DEL", tags(o.kind, o.name, `["x","y"]`)))
		s.run(op("TAGS_DEL", tags(o.kind, o.name, `["x","x"]`)))
		s.run(op("TAGS_SET", tags(o.kind, o.name, `[]`)))
	}
	s.observe("QueryTags", `["cluster",""]`)
	s.table("instance", `["name","tags"]`, "null")
	s.table("node", `["name","tags"]`, "null")
	s.table("group", `["name","tags"]`, "null")
	s.table("instance", `["name"]`, `["=[]","tags","a:b/c"]`)
	long := strings.Repeat("t", 128)
	for _, list := range []string{`["a b"]`, `[""]`, `["` + long + `"]`, `["` + long + `t"]`, `["ok","not ok"]`, `["a,b"]`, `["+*.@:/-_"]`} {
		s.run(op("TAGS_SET", tags("instance", "d1", list)))
		s.run(op("TAGS_DEL", tags("instance", "d1", list)))
	}
	s.run(op("TAGS_SET", tags("instance", "nobody", `["x"]`)))
	s.run(op("TAGS_SET", tags("node", "nobody", `["x"]`)))
	s.run(op("TAGS_SET", tags("nodegroup", "nobody", `["x"]`)))
	s.run(op("TAGS_SET", tags("instance", "d1", `["new"]`)), op("TAGS_DEL", tags("instance", "d1", `["a:b/c"]`)))
	s.run(op("TAGS_SET", tags("instance", "d1", `["dry"]`), `"dry_run":true`))
	s.run(op("TAGS_DEL", tags("instance", "d1", `["no"]`)), op("TAGS_SET", tags("instance", "d1", `["never"]`)))
	s.observe("QueryTags", `["instance","d1"]`)
	s.quietly(op("TAGS_DEL", tags("instance", "d1", `["new"]`)))
}

// delay is a TEST_DELAY without locks.
func delay(seconds string, more ...string) string {
	return op("TEST_DELAY", append([]string{`"duration":` + seconds + `,"on_master":false`}, more...)...)
}

// lasting is a delay that lasts until side.end is called, on the simulator until somebody waits for its end. However slow
// the machine is, what is asked meanwhile finds it running.
func lasting(more ...string) string { return delay("100", append(more, `"interruptible":true`)...) }

func scriptQueue(s *side) {
	s.next()
	s.run(delay("0.01"))
	s.run(delay("-1"))
	s.run(delay("0"))
	s.run(delay("0.05"), delay("0.02"))
	s.run(op("TEST_DELAY", `"duration":0.01,"on_nodes":["node2","node3"],"on_master":false`))
	s.run(op("TEST_DELAY", `"duration":0.01,"on_nodes":["nobody"]`))
	s.run(delay("0.01", `"priority":-10,"comment":"text","debug_level":0`), delay("0.01"), delay("-1"), delay("0.01"))
	s.note("an empty job", s.outcome(s.submit()))

	// Dependencies on jobs that are final, in every combination.
	good := s.submit(delay("0.01"))
	bad := s.submit(delay("-1"))
	hold := s.submit(lasting())
	gone := s.submit(delay("0.01", fmt.Sprintf(`"depends":[[%d,[]]]`, hold)))
	s.note("cancel", s.call("CancelJob", fmt.Sprintf("[%d,false]", gone)))
	s.note("canceled", s.outcome(gone))
	s.note("again", s.call("CancelJob", fmt.Sprintf("[%d,false]", gone)))
	s.end(hold)
	s.wait(bad)
	s.wait(good)
	for _, dep := range []int64{good, bad, gone} {
		for _, statuses := range []string{`[]`, `["success"]`, `["error"]`, `["canceled"]`, `["success","error"]`, `["error","canceled"]`} {
			id := s.submit(delay("0.01", fmt.Sprintf(`"depends":[[%d,%s]]`, dep, statuses)))
			s.wait(id)
			s.note(fmt.Sprintf("depends on job %d %s", dep, statuses), s.outcome(id))
		}
	}
	id := s.submit(delay("0.01", `"depends":[[999999,[]]]`))
	s.wait(id)
	s.note("depends on an unknown job", s.outcome(id))
	id = s.submit(delay("0.01"), delay("0.01", fmt.Sprintf(`"depends":[[%d,["success"]]]`, bad)))
	s.wait(id)
	s.note("dependency in the second opcode", s.outcome(id))
	impossible := delay("0.01", `"depends":[[-99999999,[]]]`)
	s.note("depends on what cannot be", firstWords(s.call("SubmitJob", `[[`+impossible+`]]`)))
	s.note("many", s.call("SubmitManyJobs", `[[[`+delay("0.01")+`],[`+impossible+`]]]`))
	s.note("ids used", s.next())
	s.next()

	// Canceling.
	hold = s.submit(lasting())
	s.waitFor(hold, "running")
	s.note("cancel a running job", s.call("CancelJob", fmt.Sprintf("[%d,false]", hold)))
	s.note("archive a running job", s.call("ArchiveJob", fmt.Sprintf("[%d]", hold)))
	s.end(hold)
	s.wait(hold)
	s.note("it ran on", s.outcome(hold))
	holder := s.submit(lasting(`"on_nodes":["node3"]`))
	s.waitFor(holder, "running")
	waiter := s.submit(op("TEST_DELAY", `"duration":4,"on_nodes":["node3"],"on_master":false`), delay("1"))
	s.waitFor(waiter, "waiting")
	s.table("lock", `["mode"]`, `["=","name","node/`+s.uuid("node3")+`"]`)
	s.note("cancel a waiting job", s.call("CancelJob", fmt.Sprintf("[%d,false]", waiter)))
	s.note("canceled", s.outcome(waiter))
	s.note("kill a running job", s.call("CancelJob", fmt.Sprintf("[%d,true]", holder)))
	s.wait(holder)
	s.note("killed", s.outcome(holder))
	// A job that was killed may stay in luxid's queue for up to five minutes: if luxid
	// hears of the change of its file while it still writes that
	// (src/Ganeti/JQScheduler.hs manipulateRunningJob). One that ended by itself is gone
	// when what depends on it begins.
	ended := s.submit(delay("0.01"))
	s.wait(s.submit(delay("0.01", fmt.Sprintf(`"depends":[[%d,[]]]`, ended))))
	s.note("kill a final job", s.call("CancelJob", fmt.Sprintf("[%d,true]", ended)))
	s.note("priority of a final job", s.call("ChangeJobPriority", fmt.Sprintf("[%d,10]", ended)))
	holder = s.submit(lasting(`"on_nodes":["node2"]`))
	s.waitFor(holder, "running")
	waiter = s.submit(op("TEST_DELAY", `"duration":1,"on_nodes":["node2"],"on_master":false`))
	s.waitFor(waiter, "waiting")
	s.note("cancel a job that gets its locks in time", s.call("CancelJob", fmt.Sprintf("[%d,false]", waiter)))
	s.end(holder)
	s.wait(waiter)
	s.note("it ran", s.outcome(waiter))
	informed := s.submit(lasting(), delay("4"))
	s.waitForOp(informed, 0, "running")
	s.note("cancel a job with more to do", s.call("CancelJob", fmt.Sprintf("[%d,false]", informed)))
	s.end(informed)
	s.wait(informed)
	s.note("it stopped", s.call("QueryJobs", fmt.Sprintf(`[[%d],["status","opstatus","opresult","opend"]]`, informed)))
	two := s.submit(delay("0.01"), lasting())
	s.waitForOp(two, 1, "running")
	s.call("CancelJob", fmt.Sprintf("[%d,true]", two))
	s.wait(two)
	s.note("killed in the second opcode", s.outcome(two))

	// The drained queue.
	s.observe("SetDrainFlag", `[true]`)
	s.observe("QueryConfigValues", `[["drain_flag"]]`)
	s.observe("SubmitJob", `[[`+delay("0.01")+`]]`)
	s.observe("SubmitManyJobs", `[[[`+delay("0.01")+`]]]`)
	s.observe("SubmitManyJobs", `[[]]`)
	s.observe("SetDrainFlag", `[false]`)
	s.observe("QueryConfigValues", `[["drain_flag"]]`)
	s.observe("SetDrainFlag", `[false]`)
	s.observe("SetDrainFlag", `["no"]`)

	// Priorities, and jobs held back by their reasons.
	hold = s.submit(lasting())
	s.waitFor(hold, "running")
	late := s.submit(delay("0.01", fmt.Sprintf(`"depends":[[%d,[]]]`, hold)), delay("0.01"))
	s.note("change the priority", s.call("ChangeJobPriority", fmt.Sprintf("[%d,10]", late)))
	s.note("change it to nonsense", s.call("ChangeJobPriority", fmt.Sprintf("[%d,7]", late)))
	s.note("priority", s.call("QueryJobs", fmt.Sprintf(`[[%d],["priority","oppriority"]]`, late)))
	s.note("of a running job", s.call("ChangeJobPriority", fmt.Sprintf("[%d,10]", hold)))
	s.end(hold)
	s.wait(late)
	s.note("priority when done", s.call("QueryJobs", fmt.Sprintf(`[[%d],["priority","oppriority"]]`, late)))
	limited := func(duration string) string {
		return `{"OP_ID":"OP_TEST_DELAY",` + duration + `,"on_master":false,"reason":[["me","rate-limit:1:x",1700000000000000000]]}`
	}
	one := s.submit(limited(`"duration":100,"interruptible":true`))
	s.waitFor(one, "running")
	other := s.submit(limited(`"duration":3`))
	free := s.submit(delay("0.01"))
	s.wait(free)
	s.note("held back", s.call("QueryJobs", fmt.Sprintf(`[[%d,%d],["status"]]`, one, other)))
	s.end(one)
	s.wait(other)
	s.note("reasons", s.call("QueryJobs", fmt.Sprintf(`[[%d],["ops"]]`, other)))

	// What a wait returns.
	hold = s.submit(delay("20"))
	s.waitFor(hold, "running")
	s.note("nothing new", s.call("WaitForJobChange", fmt.Sprintf(`[%d,["status"],["running"],null,1]`, hold)))
	s.note("something else", s.call("WaitForJobChange", fmt.Sprintf(`[%d,["status"],["queued"],null,1]`, hold)))
	s.note("several fields", s.call("WaitForJobChange", fmt.Sprintf(`[%d,["status","opstatus"],["running",["running"]],0,1]`, hold)))
	s.note("the end", s.call("WaitForJobChange", fmt.Sprintf(`[%d,["status"],["running"],-1,30]`, hold)))
}

// uuid finds the UUID of a named object.
func (s *side) uuid(name string) string {
	for uuid, n := range s.names {
		if n == "uuid-of-"+name {
			return uuid
		}
	}
	return "?"
}

// waitForOp waits until an opcode of a job has the status.
func (s *side) waitForOp(id int64, index int, status string) {
	for n := 0; n < 100; n++ {
		result := s.call("WaitForJobChange", fmt.Sprintf(`[%d,["opstatus"],null,1000,1]`, id))
		list := strings.Split(strings.TrimPrefix(result, `[[["`), `","`)
		if index < len(list) && strings.HasPrefix(list[index], status) {
			return
		}
		// Ask again with what was seen, so that the call waits for a change.
		s.call("WaitForJobChange", fmt.Sprintf(`[%d,["opstatus"],%s,1000,1]`, id, strings.TrimSuffix(strings.TrimPrefix(result, "["), ",[]]")))
	}
	s.fatalf("opcode %d of job %d does not become %s", index, id, status)
}

// firstWords cuts a text where numbers begin.
func firstWords(text string) string { return strings.SplitN(text, " -", 2)[0] }

// words replaces whole words.
type words []*regexp.Regexp

func newWords(first, second string) words {
	return words{regexp.MustCompile(`\b` + first + `\b`), regexp.MustCompile(`\b` + second + `\b`)}
}

// Replace replaces the k-th word by #k.
func (w words) Replace(text string) string {
	for k, r := range w {
		text = r.ReplaceAllString(text, fmt.Sprintf("#%d", k+1))
	}
	return text
}

// scriptHeld is the primitive of jobs that wait for a word.
func scriptHeld(s *side) {
	held := func(hold string) {
		s.next()
		result := s.call("SubmitManyJobs", `[[[`+hold+`],[`+delay("0.01", `"depends":[[-1,[]]]`)+`],[`+
			delay("0.02", `"depends":[[-1,["canceled"]]]`)+`],[`+delay("0.03", `"depends":[[-2,["canceled"]]]`)+`]]]`)
		s.note("held", strings.NewReplacer(s.id(1)+"]", "#1]", s.id(2)+"]", "#2]", s.id(3)+"]", "#3]", s.id(4)+"]", "#4]").Replace(result))
		s.waitFor(s.base+1, "running")
	}
	outcomes := func(what string) {
		for k := int64(1); k <= 4; k++ {
			s.wait(s.base + k)
			s.note(what, s.outcome(s.base+k))
		}
	}
	held(lasting())
	for k := int64(2); k <= 4; k++ {
		s.note("while held", s.outcome(s.base+k))
	}
	s.note("release", s.call("CancelJob", "["+s.id(2)+",false]"))
	s.end(s.base + 1)
	outcomes("released")
	held(delay("100"))
	s.note("release", s.call("CancelJob", "["+s.id(2)+",false]"))
	s.note("nothing starts by that alone", s.call("WaitForJobChange", "["+s.id(3)+`,["status"],["queued"],1000,2]`))
	s.note("no jobs", s.call("SubmitManyJobs", "[[]]"))
	s.wait(s.base + 3)
	s.wait(s.base + 4)
	s.note("it runs still", s.outcome(s.base+1))
	s.note("kill", s.call("CancelJob", "["+s.id(1)+",true]"))
	outcomes("started by that")
	held(delay("8"))
	outcomes("expired")
	held(delay("100"))
	s.note("kill", s.call("CancelJob", "["+s.id(1)+",true]"))
	outcomes("killed")
}

func scriptJobQueries(s *side) {
	s.next()
	s.quietly(delay("0.01"))
	s.run(op("INSTANCE_FAILOVER", on("nobody")), delay("0.01"))
	first, second := s.id(1), s.id(2)
	known := newWords(first, second)
	show := func(what, fields, filter string) {
		_, rows, problem := s.query(what, fields, filter)
		s.note(what+" "+fields+" "+known.Replace(filter), known.Replace(problem+fmt.Sprintf("%s", rows)))
	}
	either := `["|",["=","id",` + first + `],["=","id",` + second + `]]`
	for _, fields := range []string{`["id","status","archived","priority","opstatus","opresult","oppriority","summary"]`, `["id","no_such_field"]`} {
		show("job", fields, either)
		show("job", fields, `["|",["=","id",999999],["=","id",`+first+`]]`)
	}
	show("job", `["received_ts","start_ts","end_ts","opstart","opexec","opend","oplog"]`, either)
	show("job", `["id"]`, `[">=","id",`+first+`]`)
	show("job", `["id"]`, `["&",[">=","id",`+first+`],["=","status","error"]]`)
	show("job", `["id"]`, `["&",[">=","id",`+first+`],["=[]","summary","INSTANCE_FAILOVER(nobody)"]]`)
	show("job", `["id"]`, `["&",[">=","id",`+first+`],[">=","received_ts",1000000000]]`)
	show("job", `["id"]`, `["&",[">=","id",`+first+`],[">=","received_ts",9000000000]]`)
	show("job", `["id"]`, `["=","id","`+first+`"]`)
	show("job", `["id"]`, `["&",["=","id","`+first+`"]]`)
	show("job", `["id"]`, `["=","id","x"]`)
	show("job", `["id"]`, `["=","id",-1]`)
	show("job", `["id"]`, `["&",[">=","id",`+first+`],["=[]","ops","x"]]`)
	show("job", `["id"]`, `["&",[">=","id",`+first+`],["=~","ops","x"]]`)
	show("job", `["id"]`, `["&",[">=","id",`+first+`],["=","no_such_field","x"]]`)
	show("job", `["id"]`, `["&",[">=","id",`+first+`],["?","archived"]]`)
	s.note("jobs", known.Replace(s.call("QueryJobs", `[[`+second+`,`+first+`,`+second+`],["id","status"]]`)))
	s.note("jobs by string", known.Replace(s.call("QueryJobs", `[["`+second+`"],["id","status"]]`)))
	s.note("unknown job", s.call("QueryJobs", `[[999999],["id","status"]]`))
	s.note("ops", s.call("QueryJobs", `[[`+first+`],["ops"]]`))
	s.note("wait", s.call("WaitForJobChange", `[`+first+`,["status","opstatus","summary"],null,null,1]`))
	s.note("wait for an unknown field", s.call("WaitForJobChange", `[`+first+`,["status","no_such_field"],null,null,1]`))
	s.note("archive", s.call("ArchiveJob", `[`+first+`]`))
	s.note("archive again", s.call("ArchiveJob", `[`+first+`]`))
	s.note("wait for an archived job", s.call("WaitForJobChange", `[`+first+`,["status"],null,null,1]`))
	s.note("cancel an archived job", s.call("CancelJob", `[`+first+`,false]`))
	show("job", `["id","archived","status"]`, either)
	show("job", `["id"]`, `[">=","id",`+first+`]`)
	show("job", `["id","archived"]`, `[">=","id",`+first+`]`)
	show("job", `["id"]`, `["&",[">=","id",`+first+`],["?","archived"]]`)
	id := s.submit(delay("0.01", fmt.Sprintf(`"depends":[[%s,["success"]]]`, first)))
	s.wait(id)
	s.note("depends on an archived job", s.outcome(id))

	// What is stored of an opcode while it is queued and later.
	hold := s.submit(delay("2"))
	id = s.submit(op("INSTANCE_FAILOVER", on("nobody"), fmt.Sprintf(`"depends":[[%d,[]]]`, hold)))
	s.note("queued opcode", s.call("QueryJobs", fmt.Sprintf(`[[%d],["ops","start_ts","opstart","opresult"]]`, id)))
	s.wait(id)
	s.note("failed opcode", s.call("QueryJobs", fmt.Sprintf(`[[%d],["ops"]]`, id)))
	id = s.submit(op("INSTANCE_STARTUP", on("d1")))
	s.wait(id)
	s.note("finished opcode", s.call("QueryJobs", fmt.Sprintf(`[[%d],["ops"]]`, id)))
}
