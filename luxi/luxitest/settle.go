package luxitest

import (
	"crypto/sha1"
	"fmt"
	"strings"
)

// settle fills in what was left empty, makes the state consistent (nothing runs on dead nodes) and reports what
// cannot be right.
func (c *Cluster) settle() error {
	setDefault(&c.Name, "cluster")
	setDefault(&c.SoftwareVersion, "3.0.2")
	c.issue(&c.UUID, "cluster", c.Name)
	if c.MaxRunningJobs == 0 {
		c.MaxRunningJobs = 20
	}
	if c.CandidatePool == 0 {
		c.CandidatePool = 10
	}
	if c.EnabledTemplates == nil {
		c.EnabledTemplates = clone(usualTemplates)
	}
	if len(c.Groups) == 0 {
		c.Groups = []*Group{{Name: "default"}}
	}
	for k, g := range c.Groups {
		if c.Group(g.Name) != c.Groups[k] {
			return fmt.Errorf("two groups are named %q", g.Name)
		}
		setDefault(&g.AllocPolicy, "preferred")
		c.issue(&g.UUID, "group", g.Name)
	}
	if len(c.Nodes) == 0 {
		return fmt.Errorf("the cluster has no nodes")
	}
	setDefault(&c.Master, c.Nodes[0].Name)
	if c.Node(c.Master) == nil {
		return fmt.Errorf("the master %q is not a node", c.Master)
	}
	for k, n := range c.Nodes {
		if c.Node(n.Name) != c.Nodes[k] {
			return fmt.Errorf("two nodes are named %q", n.Name)
		}
		setDefault(&n.Group, c.Groups[0].Name)
		if c.Group(n.Group) == nil {
			return fmt.Errorf("node %q: there is no group %q", n.Name, n.Group)
		}
		if n.Offline && n.Drained {
			return fmt.Errorf("node %q cannot be offline and drained at the same time", n.Name)
		}
		c.issue(&n.UUID, "node", n.Name)
	}
	for k, i := range c.Instances {
		if c.Instance(i.Name) != c.Instances[k] {
			return fmt.Errorf("two instances are named %q", i.Name)
		}
		if err := c.settleInstance(i); err != nil {
			return fmt.Errorf("instance %q: %w", i.Name, err)
		}
	}
	return nil
}

func (c *Cluster) settleInstance(i *Instance) error {
	c.issue(&i.UUID, "instance", i.Name)
	setDefault(&i.Template, Diskless)
	setDefault(&i.AdminState, AdminDown)
	setDefault(&i.Hypervisor, "fake")
	if !contains(templates, i.Template) {
		return fmt.Errorf("unknown disk template %q", i.Template)
	}
	if _, known := hypervisors[i.Hypervisor]; !known {
		return fmt.Errorf("unknown hypervisor %q", i.Hypervisor)
	}
	if i.AdminState != AdminUp && i.AdminState != AdminDown && i.AdminState != AdminOffline {
		return fmt.Errorf("unknown admin state %q", i.AdminState)
	}
	if i.Primary == "" && !i.Forthcoming {
		return fmt.Errorf("it has no primary node")
	}
	for _, name := range i.Nodes() {
		if name != "" && c.Node(name) == nil {
			return fmt.Errorf("there is no node %q", name)
		}
	}
	switch {
	case i.Template == DRBD && len(i.Secondaries) != 1:
		return fmt.Errorf("a drbd instance has exactly one secondary node")
	case i.Template != DRBD && len(i.Secondaries) != 0:
		return fmt.Errorf("template %s has no secondary nodes", i.Template)
	case i.Template == DRBD && i.Secondaries[0] == i.Primary:
		return fmt.Errorf("primary and secondary are the same node")
	}
	if i.Data.Generation == 0 {
		i.Data.Generation = 1
		switch {
		case i.Template == Diskless:
		case nodeBound(i.Template):
			i.Data.On = i.Nodes()
		default:
			i.Data.On = []string{Everywhere}
		}
		i.DisksActive = i.DisksActive || i.AdminState == AdminUp
	}
	var alive []string
	for _, name := range i.RunsOn {
		if n := c.Node(name); n != nil && !n.Dead {
			alive = append(alive, name)
		}
	}
	i.RunsOn = alive
	return nil
}

// issue makes up a UUID, the same one in every run, but a new one for a second object of the same name.
func (c *Cluster) issue(uuid *string, kind, name string) {
	if c.issued == nil {
		c.issued = make(map[string]int)
	}
	key := kind + " " + name
	if *uuid != "" {
		if *uuid == madeUpUUID(key, 0) && c.issued[key] == 0 {
			c.issued[key] = 1
		}
		return
	}
	*uuid = madeUpUUID(key, c.issued[key])
	c.issued[key]++
}

func madeUpUUID(key string, n int) string {
	h := sha1.Sum([]byte(fmt.Sprintf("%s %d", key, n)))
	return fmt.Sprintf("%x-%x-4%03x-8%03x-%x", h[0:4], h[4:6], int(h[6])<<4&0xfff|int(h[7])>>4, int(h[8])<<4&0xfff|int(h[9])>>4, h[10:16])
}

// matchName is utils.MatchNameComponent: a name, or its unique first component.
func matchName(key string, names []string) (string, bool) {
	found := ""
	for _, n := range names {
		if n == key {
			return n, true
		}
		if strings.HasPrefix(n, key+".") {
			if found != "" {
				return "", false
			}
			found = n
		}
	}
	return found, found != ""
}

func (c *Cluster) expandInstance(key string) *Instance {
	var names []string
	for _, i := range c.Instances {
		names = append(names, i.Name)
	}
	name, _ := matchName(key, names)
	return c.Instance(name)
}

func (c *Cluster) expandNode(key string) *Node {
	var names []string
	for _, n := range c.Nodes {
		names = append(names, n.Name)
	}
	name, _ := matchName(key, names)
	return c.Node(name)
}
