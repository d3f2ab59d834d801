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
//	        [templates=T,T]
//	group NAME [policy=preferred|last_resort|unallocable] [tags=A,B]
//	node NAME [group=NAME] [mem=MIB] [disk=MIB] [filedisk=MIB] [tags=A,B] [offline] [drained] [dead] [not-vm-capable] [master]
//	instance NAME nodes=PRIMARY[,SECONDARY] [template=T] [state=up|down|offline] [mem=MIB] [disk=MIB] [os=NAME]
//	         [hypervisor=NAME] [tags=A,B] [stopped] [forthcoming] [runs=NODE,NODE] [data=NODE,NODE|*|none] [generation=N]
//
// Every object takes uuid=. Nodes have 4096 MiB of memory and 10240 MiB of disk unless said otherwise, and filedisk= of it
// for file storage if that is not the same; templates= are the enabled disk templates in their order. An instance is
// diskless, takes 128 MiB and, if it has a disk, 1024 MiB of it, is up and runs on its primary node. Groups and nodes
// come before what refers to them.

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

// words holds what is left to be understood of one line.
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

func (w *words) flag(key string) bool {
	set := w.flags[key]
	delete(w.flags, key)
	return set
}

// rest reports what was not understood.
func (w *words) rest() error {
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
		if pause := w.number("pause", 0); pause != 0 {
			c.WatcherPause = time.Unix(int64(pause), 0)
		}
	case "group":
		g := &Group{Name: name, UUID: w.value("uuid", ""), AllocPolicy: w.value("policy", "preferred"), Tags: w.list("tags")}
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
	default:
		return fmt.Errorf("unknown kind of object %q", line[0])
	}
	return w.rest()
}

func (c *Cluster) parseNode(name string, w *words) error {
	if c.Node(name) != nil {
		return fmt.Errorf("a second node %q", name)
	}
	n := &Node{
		Name: name, UUID: w.value("uuid", ""), Group: w.value("group", ""), Tags: w.list("tags"),
		Offline: w.flag("offline"), Drained: w.flag("drained"), Dead: w.flag("dead"), NotVMCapable: w.flag("not-vm-capable"),
		Memory: w.number("mem", 4096), Storage: w.number("disk", 10240), FileStorage: w.number("filedisk", 0),
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
	return nil
}

// Format renders the cluster in the text form. What has its usual value is left out.
func (c *Cluster) Format() string {
	var b strings.Builder
	l := newLine("cluster", c.Name)
	l.uuid("cluster "+c.Name, c.UUID)
	l.value("version", c.SoftwareVersion, "3.0.2")
	l.value("iallocator", c.DefaultIAllocator, "hail")
	l.list("tags", c.Tags)
	l.value("templates", strings.Join(c.EnabledTemplates, ","), strings.Join(usualTemplates, ","))
	if !c.WatcherPause.IsZero() {
		l.value("pause", itoa(c.WatcherPause.Unix()), "")
	}
	l.value("max-running-jobs", strconv.Itoa(c.MaxRunningJobs), "20")
	l.flag("drained", c.QueueDrained)
	l.flag("no-capacity-checks", c.NoCapacityChecks)
	l.writeTo(&b)
	for _, g := range c.Groups {
		l := newLine("group", g.Name)
		l.uuid("group "+g.Name, g.UUID)
		l.value("policy", g.AllocPolicy, "preferred")
		l.list("tags", g.Tags)
		l.writeTo(&b)
	}
	for _, n := range c.Nodes {
		l := newLine("node", n.Name)
		l.uuid("node "+n.Name, n.UUID)
		l.value("group", n.Group, "")
		l.value("mem", strconv.Itoa(n.Memory), "")
		l.value("disk", strconv.Itoa(n.Storage), "")
		l.value("filedisk", strconv.Itoa(n.FileStorage), "0")
		l.list("tags", n.Tags)
		l.flag("master", n.Name == c.Master)
		l.flag("offline", n.Offline)
		l.flag("drained", n.Drained)
		l.flag("dead", n.Dead)
		l.flag("not-vm-capable", n.NotVMCapable)
		l.writeTo(&b)
	}
	for _, i := range c.Instances {
		i.format(c, &b)
	}
	return b.String()
}

func (i *Instance) format(c *Cluster, b *strings.Builder) {
	l := newLine("instance", i.Name)
	l.uuid("instance "+i.Name, i.UUID)
	l.value("template", i.Template, "")
	if i.Primary != "" {
		l.value("nodes", strings.Join(i.Nodes(), ","), "")
	}
	l.value("state", i.AdminState, "")
	l.value("mem", strconv.Itoa(i.Memory), "")
	if i.Template != Diskless {
		l.value("disk", strconv.Itoa(i.DiskSize), "")
	}
	l.value("os", i.OS, "noop")
	l.value("hypervisor", i.Hypervisor, "fake")
	l.list("tags", i.Tags)
	l.flag("forthcoming", i.Forthcoming)
	usual := i.AdminState == AdminUp && !i.Forthcoming
	if n := c.Node(i.Primary); n != nil && n.Dead {
		usual = false
	}
	switch {
	case len(i.RunsOn) == 0 && i.AdminState == AdminUp && usual:
		l.flag("stopped", true)
	case usual && len(i.RunsOn) == 1 && i.Running():
	case len(i.RunsOn) > 0:
		l.list("runs", i.RunsOn)
	}
	standard := clone(i.Nodes())
	switch {
	case i.Template == Diskless:
		standard = nil
	case !nodeBound(i.Template):
		standard = []string{Everywhere}
	}
	if on := strings.Join(i.Data.On, ","); on != strings.Join(standard, ",") {
		if on == "" {
			on = "none"
		}
		l.value("data", on, "")
	}
	l.value("generation", strconv.Itoa(i.Data.Generation), "1")
	l.writeTo(b)
}

// textLine is a line being written.
type textLine struct{ words []string }

func newLine(kind, name string) *textLine { return &textLine{[]string{kind, name}} }

func (l *textLine) value(key, value, usual string) {
	if value != usual {
		l.words = append(l.words, key+"="+value)
	}
}

func (l *textLine) list(key string, values []string) {
	if len(values) > 0 {
		l.words = append(l.words, key+"="+strings.Join(values, ","))
	}
}

func (l *textLine) flag(word string, set bool) {
	if set {
		l.words = append(l.words, word)
	}
}

// uuid writes a UUID that Parse would not make up by itself.
func (l *textLine) uuid(key, uuid string) {
	if uuid != madeUpUUID(key, 0) {
		l.value("uuid", uuid, "")
	}
}

func (l *textLine) writeTo(b *strings.Builder) {
	b.WriteString(strings.Join(l.words, " "))
	b.WriteByte('\n')
}
