package luxitest

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The text form describes a cluster in lines of words; # begins a comment.
//
//	cluster NAME [master=NODE] [version=V] [iallocator=NAME] [tags=A,B] [pause=UNIXTIME] [max-running-jobs=N] [drained] [no-capacity-checks]
//	        [templates=T,T] [candidate-pool=N] [exclusive-storage] [wipes-disks]
//	group NAME [policy=preferred|last_resort|unallocable] [tags=A,B] [exclusive-storage]
//	node NAME [group=NAME] [mem=MIB] [disk=MIB] [filedisk=MIB] [tags=A,B] [offline] [drained] [dead] [not-vm-capable] [master]
//	     [cpus=N] [vg=NAME:MIB,NAME:MIB] [no-vg] [pvs=N] [exclusive-storage] [os=NAME,NAME|none] [regular] [not-master-capable]
//	     [oob=works|fails|lies|deceives|hangs] [powered-off] [mtime=UNIXTIME]
//	instance NAME nodes=PRIMARY[,SECONDARY] [template=T] [state=up|down|offline] [mem=MIB] [minmem=MIB] [usedmem=MIB] [vcpus=N]
//	         [disk=MIB] [vg=NAME] [os=NAME] [hypervisor=NAME] [always-failover] [tags=A,B] [stopped] [forthcoming]
//	         [runs=NODE,NODE] [data=NODE,NODE|*|none] [generation=N] [disks-active] [disks-inactive]
//	         [lacks=NODE,NODE] [partial=NODE] [failed=NODE]
//	cut NODE NODE
//
// Every object takes uuid=. Nodes have 4096 MiB of memory and 10240 MiB of disk unless said otherwise, and filedisk= of it
// for file storage if that is not the same; templates= are the enabled disk templates in their order. An instance is
// diskless, takes 128 MiB and, if it has a disk, 1024 MiB of it, is up and runs on its primary node. Groups and nodes
// come before what refers to them.
//
// Of a drbd instance lacks= names the nodes whose copy lacks writes that the others have (all of them: the copies have
// diverged), partial= those with an incomplete copy, failed= those where drbd goes on without its disk. "cut" ends the
// replication between two nodes. What the other words mean is told by the fields of Cluster, Group, Node and Instance.

// Parse reads the text form. Errors name the line.
func Parse(text string) (*Cluster, error) {
	c := &Cluster{DefaultIAllocator: "hail"}
	var explicit []string // instances whose RunsOn was given
	for k, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if err := c.parseLine(words, &explicit); err != nil {
			return nil, fmt.Errorf("line %d: %w", k+1, err)
		}
	}
	for _, i := range c.Instances {
		if i.AdminState == AdminUp && !i.Forthcoming && !contains(explicit, i.Name) {
			i.RunsOn = []string{i.Primary}
		}
	}
	if err := c.settle(); err != nil {
		return nil, err
	}
	return c, nil
}

// MustParse is Parse for tests; it panics on errors.
func MustParse(text string) *Cluster {
	c, err := Parse(text)
	if err != nil {
		panic("luxitest: " + err.Error())
	}
	return c
}

// words are the words of one line that nothing has read yet.
type words struct {
	values map[string]string
	flags  map[string]bool
	err    error
}

func splitWords(list []string) (*words, error) {
	w := &words{values: make(map[string]string), flags: make(map[string]bool)}
	for _, word := range list {
		key, value, isValue := strings.Cut(word, "=")
		_, twice := w.values[key]
		if twice || w.flags[key] {
			return nil, fmt.Errorf("%q is given twice", key)
		}
		if isValue {
			w.values[key] = value
		} else {
			w.flags[key] = true
		}
	}
	return w, nil
}

func (w *words) value(key, standard string) string {
	v, ok := w.values[key]
	if !ok {
		return standard
	}
	delete(w.values, key)
	return v
}

func (w *words) list(key string) []string {
	if v := w.value(key, ""); v != "" {
		return strings.Split(v, ",")
	}
	return nil
}

func (w *words) number(key string, standard int) int {
	v, ok := w.values[key]
	if !ok {
		return standard
	}
	delete(w.values, key)
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		w.err = fmt.Errorf("%s=%s: not a number", key, v)
	}
	return n
}

// time is a Unix time, zero if it is not given.
func (w *words) time(key string) time.Time {
	n := w.number(key, 0)
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(int64(n), 0)
}

func (w *words) flag(key string) bool {
	set := w.flags[key]
	delete(w.flags, key)
	return set
}

// leftOver returns an error that names a word which nothing has read.
func (w *words) leftOver() error {
	for key := range w.values {
		return fmt.Errorf("unknown attribute %q", key+"=")
	}
	for key := range w.flags {
		return fmt.Errorf("unknown word %q", key)
	}
	return w.err
}

func (c *Cluster) parseLine(line []string, explicit *[]string) error {
	if len(line) < 2 || strings.Contains(line[1], "=") {
		return fmt.Errorf("%s: a name is missing", line[0])
	}
	w, err := splitWords(line[2:])
	if err != nil {
		return err
	}
	name := line[1]
	switch line[0] {
	case "cluster":
		if err := c.parseCluster(name, w); err != nil {
			return err
		}
	case "group":
		g := &Group{
			Name: name, UUID: w.value("uuid", ""), AllocPolicy: w.value("policy", "preferred"), Tags: w.list("tags"),
			ExclusiveStorage: w.flag("exclusive-storage"),
		}
		if !contains([]string{"preferred", "last_resort", "unallocable"}, g.AllocPolicy) {
			return fmt.Errorf("unknown policy %q", g.AllocPolicy)
		}
		if c.Group(name) != nil {
			return fmt.Errorf("a second group %q", name)
		}
		c.Groups = append(c.Groups, g)
	case "node":
		if err := c.parseNode(name, w); err != nil {
			return err
		}
	case "instance":
		if err := c.parseInstance(name, w, explicit); err != nil {
			return err
		}
	case "cut":
		if len(line) != 3 || c.Node(name) == nil || c.Node(line[2]) == nil || name == line[2] {
			return fmt.Errorf("cut: two nodes are wanted")
		}
		c.Cut(name, line[2])
		return nil
	default:
		return fmt.Errorf("unknown kind of object %q", line[0])
	}
	return w.leftOver()
}

func (c *Cluster) parseCluster(name string, w *words) error {
	if c.Name != "" {
		return fmt.Errorf("a second cluster")
	}
	c.Name, c.UUID, c.Master = name, w.value("uuid", ""), w.value("master", "")
	c.SoftwareVersion, c.DefaultIAllocator = w.value("version", ""), w.value("iallocator", "hail")
	c.Tags, c.MaxRunningJobs, c.EnabledTemplates = w.list("tags"), w.number("max-running-jobs", 0), w.list("templates")
	for _, t := range c.EnabledTemplates {
		if !contains(templates, t) {
			return fmt.Errorf("unknown disk template %q", t)
		}
	}
	c.QueueDrained, c.NoCapacityChecks = w.flag("drained"), w.flag("no-capacity-checks")
	c.CandidatePool, c.ExclusiveStorage = w.number("candidate-pool", 0), w.flag("exclusive-storage")
	c.WipesDisks, c.WatcherPause = w.flag("wipes-disks"), w.time("pause")
	return nil
}

func (c *Cluster) parseNode(name string, w *words) error {
	if c.Node(name) != nil {
		return fmt.Errorf("a second node %q", name)
	}
	n := &Node{
		Name: name, UUID: w.value("uuid", ""), Group: w.value("group", ""), Tags: w.list("tags"),
		Offline: w.flag("offline"), Drained: w.flag("drained"), Dead: w.flag("dead"), NotVMCapable: w.flag("not-vm-capable"),
		Memory: w.number("mem", 4096), Storage: w.number("disk", 10240), FileStorage: w.number("filedisk", 0),
		CPUs: w.number("cpus", 0), PVs: w.number("pvs", 0), NoVG: w.flag("no-vg"), ExclusiveStorage: w.flag("exclusive-storage"),
		Regular: w.flag("regular"), NotMasterCapable: w.flag("not-master-capable"),
		OOB: OOB(w.value("oob", "")), PoweredOff: w.flag("powered-off"), MTime: w.time("mtime"),
	}
	if os, given := w.values["os"]; given {
		if n.OSes = w.list("os"); os == "none" {
			n.OSes = []string{}
		}
	}
	if n.OOB != OOBNone && !contains(oobs, string(n.OOB)) {
		return fmt.Errorf("oob=%s: not one of %s", n.OOB, strings.Join(oobs, ", "))
	}
	for _, vg := range w.list("vg") {
		name, size, _ := strings.Cut(vg, ":")
		mib, err := strconv.Atoi(size)
		if err != nil || name == "" || mib < 0 {
			return fmt.Errorf("vg=%s: a name, a colon and MiB are wanted", vg)
		}
		if n.VGs == nil {
			n.VGs = make(map[string]int)
		}
		n.VGs[name] = mib
	}
	if n.Offline && n.Drained {
		return fmt.Errorf("a node cannot be offline and drained at the same time")
	}
	if n.Group != "" && c.Group(n.Group) == nil {
		return fmt.Errorf("there is no group %q", n.Group)
	}
	if w.flag("master") {
		if c.Master != "" && c.Master != name {
			return fmt.Errorf("a second master")
		}
		c.Master = name
	}
	c.Nodes = append(c.Nodes, n)
	return nil
}

func (c *Cluster) parseInstance(name string, w *words, explicit *[]string) error {
	if c.Instance(name) != nil {
		return fmt.Errorf("a second instance %q", name)
	}
	i := &Instance{
		Name: name, UUID: w.value("uuid", ""), Tags: w.list("tags"), Template: w.value("template", Diskless),
		AdminState: w.value("state", AdminUp), Memory: w.number("mem", 128), OS: w.value("os", "noop"),
		Hypervisor: w.value("hypervisor", "fake"), Forthcoming: w.flag("forthcoming"),
		MinMemory: w.number("minmem", 0), RunningMemory: w.number("usedmem", 0), VCPUs: w.number("vcpus", 0),
		AlwaysFailover: w.flag("always-failover"), VG: w.value("vg", ""),
	}
	if nodes := w.list("nodes"); len(nodes) > 0 {
		i.Primary, i.Secondaries = nodes[0], nodes[1:]
	}
	i.DiskSize = w.number("disk", 1024)
	if i.Template == Diskless {
		i.DiskSize = 0
	}
	if _, given := w.values["runs"]; given || w.flag("stopped") {
		i.RunsOn = w.list("runs")
		*explicit = append(*explicit, name)
	}
	for _, n := range i.RunsOn {
		if c.Node(n) == nil {
			return fmt.Errorf("there is no node %q", n)
		}
	}
	generation := w.number("generation", 0)
	data, given := w.values["data"]
	if err := c.settleInstance(i); err != nil {
		return err
	}
	if given {
		i.Data.On = w.list("data")
		if data == "none" {
			i.Data.On = nil
		}
	}
	if generation > 0 {
		i.Data.Generation = generation
	}
	c.Instances = append(c.Instances, i)
	return c.parseCopies(i, w)
}

// parseCopies reads what is said of the copies of an instance's disk.
func (c *Cluster) parseCopies(i *Instance, w *words) error {
	if w.flag("disks-active") {
		i.DisksActive = true
	}
	if w.flag("disks-inactive") {
		i.DisksActive = false
	}
	lacks := w.list("lacks")
	i.Data.Partial, i.Data.Failed = w.list("partial"), w.list("failed")
	for _, list := range [][]string{lacks, i.Data.Partial, i.Data.Failed} {
		for _, name := range list {
			if c.Node(name) == nil {
				return fmt.Errorf("there is no node %q", name)
			}
			if i.Template != DRBD {
				return fmt.Errorf("only drbd has copies")
			}
		}
	}
	for _, name := range i.Data.Partial {
		i.Data.On = without(i.Data.On, name)
	}
	if len(common(i.Data.On, lacks)) == len(i.Data.On) && len(lacks) > 0 {
		i.Diverge()
		return nil
	}
	for _, name := range lacks {
		if !contains(i.Data.On, name) {
			return fmt.Errorf("lacks=%s: there is no copy", name)
		}
		i.LoseWrites(name)
	}
	return nil
}
