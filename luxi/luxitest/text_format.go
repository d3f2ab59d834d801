package luxitest

import (
	"strconv"
	"strings"
)

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
	l.number("candidate-pool", c.CandidatePool, 10)
	l.flag("exclusive-storage", c.ExclusiveStorage)
	l.flag("wipes-disks", c.WipesDisks)
	l.writeTo(&b)
	for _, g := range c.Groups {
		l := newLine("group", g.Name)
		l.uuid("group "+g.Name, g.UUID)
		l.value("policy", g.AllocPolicy, "preferred")
		l.list("tags", g.Tags)
		l.flag("exclusive-storage", g.ExclusiveStorage)
		l.writeTo(&b)
	}
	for _, n := range c.Nodes {
		n.format(c, &b)
	}
	for _, i := range c.Instances {
		i.format(c, &b)
	}
	for _, p := range c.Cuts {
		b.WriteString("cut " + p[0] + " " + p[1] + "\n")
	}
	return b.String()
}

func (n *Node) format(c *Cluster, b *strings.Builder) {
	l := newLine("node", n.Name)
	l.uuid("node "+n.Name, n.UUID)
	l.value("group", n.Group, "")
	l.value("mem", strconv.Itoa(n.Memory), "")
	l.value("disk", strconv.Itoa(n.Storage), "")
	l.number("filedisk", n.FileStorage, 0)
	l.list("tags", n.Tags)
	l.flag("master", n.Name == c.Master)
	l.flag("offline", n.Offline)
	l.flag("drained", n.Drained)
	l.flag("dead", n.Dead)
	l.flag("not-vm-capable", n.NotVMCapable)
	l.number("cpus", n.CPUs, 0)
	var vgs []string
	for name, size := range n.VGs {
		vgs = append(vgs, name+":"+strconv.Itoa(size))
	}
	l.list("vg", sortedCopy(vgs))
	l.flag("no-vg", n.NoVG)
	l.number("pvs", n.PVs, 0)
	l.flag("exclusive-storage", n.ExclusiveStorage)
	l.list("os", n.OSes)
	if n.OSes != nil && len(n.OSes) == 0 {
		l.value("os", "none", "")
	}
	l.flag("regular", n.Regular)
	l.flag("not-master-capable", n.NotMasterCapable)
	l.value("oob", string(n.OOB), "")
	l.flag("powered-off", n.PoweredOff)
	if !n.MTime.IsZero() {
		l.value("mtime", itoa(n.MTime.Unix()), "")
	}
	l.writeTo(b)
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
	l.number("minmem", i.MinMemory, 0)
	l.number("usedmem", i.RunningMemory, 0)
	l.number("vcpus", i.VCPUs, 0)
	if i.Template != Diskless {
		l.value("disk", strconv.Itoa(i.DiskSize), "")
	}
	l.value("vg", i.VG, "")
	l.value("os", i.OS, "noop")
	l.value("hypervisor", i.Hypervisor, "fake")
	l.flag("always-failover", i.AlwaysFailover)
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
	l.flag("disks-active", i.DisksActive && i.AdminState != AdminUp)
	l.flag("disks-inactive", !i.DisksActive && i.AdminState == AdminUp)
	i.formatCopies(l)
	l.writeTo(b)
}

// formatCopies writes what became of the contents.
func (i *Instance) formatCopies(l *textLine) {
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
	l.number("generation", i.Data.Generation, 1)
	var lacks []string
	for _, node := range i.Data.On {
		if i.Lacks(node) {
			lacks = append(lacks, node)
		}
	}
	l.list("lacks", lacks)
	l.list("partial", i.Data.Partial)
	l.list("failed", i.Data.Failed)
}

// textLine is a line being written.
type textLine struct{ words []string }

func newLine(kind, name string) *textLine { return &textLine{[]string{kind, name}} }

func (l *textLine) value(key, value, usual string) {
	if value != usual {
		l.words = append(l.words, key+"="+value)
	}
}

func (l *textLine) number(key string, value, usual int) {
	if value != usual {
		l.words = append(l.words, key+"="+strconv.Itoa(value))
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
