package scenario

import (
	"fmt"
	"strconv"
	"strings"

	"ganeti-autorepair/integration/record"
	"ganeti-autorepair/luxi/luxitest"
)

// Events that change the cluster behind auto-repair's back.

// mark marks nodes as an administrator does, or changes what is true of them. A
// node that is marked offline is dead, unless the last word is "lives".
func mark(how string) func(*World, []string) error {
	return func(w *World, args []string) error {
		lives := args[len(args)-1] == "lives"
		if lives {
			args = args[:len(args)-1]
		}
		return w.edit(func(c *luxitest.Cluster) error {
			for _, name := range args {
				n := c.Node(name)
				if n == nil {
					return fmt.Errorf("there is no node %s", name)
				}
				switch how {
				case "offline":
					n.Offline, n.Drained, n.Dead = true, false, !lives
				case "drain":
					n.Offline, n.Drained = false, true
				case "online":
					n.Offline, n.Drained, n.Dead = false, false, false
				case "die":
					n.Dead = true
				case "revive":
					n.Dead = false
				}
			}
			return nil
		})
	}
}

// edit changes the cluster; it is left alone on errors.
func (w *World) edit(change func(*luxitest.Cluster) error) error {
	var err error
	w.Master.Edit(func(c *luxitest.Cluster) { err = change(c) })
	record.Edited(w.Master)
	return err
}

func (w *World) node(args []string) error {
	return w.edit(func(c *luxitest.Cluster) error {
		n := c.Node(args[0])
		if n == nil {
			return fmt.Errorf("there is no node %s", args[0])
		}
		for _, word := range args[1:] {
			key, value, _ := strings.Cut(word, "=")
			number, err := strconv.Atoi(value)
			switch key {
			case "mem":
				n.Memory = number
			case "disk":
				n.Storage = number
			case "filedisk":
				n.FileStorage = number
			case "os":
				n.OSes, err = strings.Split(value, ","), nil
			case "no-vms":
				n.NotVMCapable, err = true, nil
			case "vms":
				n.NotVMCapable, err = false, nil
			case "group":
				n.Group, err = value, nil
			default:
				return fmt.Errorf("unknown word %s", word)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// tag adds tags to an object, or removes all of its tags that begin so.
func tag(add bool) func(*World, []string) error {
	return func(w *World, args []string) error {
		return w.edit(func(c *luxitest.Cluster) error {
			var list *[]string
			rest := args[1:]
			switch args[0] {
			case "cluster":
				list = &c.Tags
			case "group":
				if g := c.Group(args[1]); g != nil {
					list, rest = &g.Tags, args[2:]
				}
			case "node":
				if n := c.Node(args[1]); n != nil {
					list, rest = &n.Tags, args[2:]
				}
			case "instance":
				if i := c.Instance(args[1]); i != nil {
					list, rest = &i.Tags, args[2:]
				}
			}
			if list == nil {
				return fmt.Errorf("there is no such object")
			}
			for _, t := range Tags(strings.Join(rest, ",")) {
				var kept []string
				for _, old := range *list {
					if add && old != t || !add && !strings.HasPrefix(old, t) {
						kept = append(kept, old)
					}
				}
				if add {
					*list = append(kept, t) // they are a set
					continue
				}
				if len(kept) == len(*list) {
					return fmt.Errorf("there is no tag that begins with %s", t)
				}
				*list = kept
			}
			return nil
		})
	}
}

// onInstance changes an instance.
func (w *World) onInstance(name string, change func(*luxitest.Cluster, *luxitest.Instance)) error {
	return w.edit(func(c *luxitest.Cluster) error {
		i := c.Instance(name)
		if i == nil {
			return fmt.Errorf("there is no instance %s", name)
		}
		change(c, i)
		return nil
	})
}

// state sets the admin state, and lets the instance run or not, as a job does that waits for
// what runs on it.
func state(admin string) func(*World, []string) error {
	return func(w *World, args []string) error {
		if err := w.locked(args[0]); err != nil {
			return err
		}
		return w.onInstance(args[0], func(c *luxitest.Cluster, i *luxitest.Instance) {
			i.AdminState, i.RunsOn = admin, nil
			if admin == luxitest.AdminUp && !c.Node(i.Primary).Dead {
				i.RunsOn = []string{i.Primary}
			}
		})
	}
}

func (w *World) crash(args []string) error {
	return w.onInstance(args[0], func(_ *luxitest.Cluster, i *luxitest.Instance) { i.RunsOn = nil })
}

// moveInstance puts an instance on other nodes, data and all.
func (w *World) moveInstance(args []string) error {
	return w.onInstance(args[0], func(_ *luxitest.Cluster, i *luxitest.Instance) {
		nodes := strings.Split(args[1], ",")
		i.Primary, i.Secondaries = nodes[0], nodes[1:]
		if i.AdminState == luxitest.AdminUp {
			i.RunsOn = nodes[:1]
		}
		if len(i.Data.On) > 0 && i.Data.On[0] != luxitest.Everywhere {
			i.Data.On = nodes
		}
	})
}

func (w *World) rename(args []string) error {
	return w.onInstance(args[0], func(_ *luxitest.Cluster, i *luxitest.Instance) { i.Name = args[1] })
}

// swap replaces an instance by another one of that name, without tags.
func (w *World) swap(args []string) error {
	return w.onInstance(args[0], func(c *luxitest.Cluster, i *luxitest.Instance) {
		other := *i
		other.UUID, other.Tags = "", nil
		c.RemoveInstance(i.Name)
		c.Instances = append(c.Instances, &other)
	})
}

// remove removes an instance, as INSTANCE_REMOVE does, which waits for what runs on it.
func (w *World) remove(args []string) error {
	if err := w.locked(args[0]); err != nil {
		return err
	}
	return w.onInstance(args[0], func(c *luxitest.Cluster, i *luxitest.Instance) { c.RemoveInstance(i.Name) })
}

// locked returns an error if a job that runs has the instance's lock.
func (w *World) locked(name string) error {
	for _, j := range w.Master.Jobs() {
		for _, op := range j.Ops {
			if j.Status == "running" && op.Text("instance_name") == name {
				return fmt.Errorf("job %d has %s", j.ID, name)
			}
		}
	}
	return nil
}

func misbehave(f luxitest.OpFault, otherwise luxitest.FaultPoint) func(*World, []string) error {
	return func(w *World, args []string) error {
		at := point(args[2:])
		if at == luxitest.AtChecks {
			at = otherwise
		}
		w.addOpcode(&opcodeFault{args[0], args[1], 1, f.At(at)})
		return nil
	}
}

// point reads where a fault strikes: "late" is after the change of the configuration.
func point(words []string) luxitest.FaultPoint {
	for _, word := range words {
		if word == "late" {
			return luxitest.AtConfig
		}
		for _, p := range luxitest.Points() {
			if word == string(p) {
				return p
			}
		}
	}
	return luxitest.AtChecks
}

func (w *World) cut(args []string) error {
	return w.edit(func(c *luxitest.Cluster) error { c.Cut(args[0], args[1]); return nil })
}

func (w *World) mend(args []string) error {
	return w.edit(func(c *luxitest.Cluster) error { c.Mend(args[0], args[1]); return nil })
}

func (w *World) instance(args []string) error {
	var err error
	no := w.onInstance(args[0], func(_ *luxitest.Cluster, i *luxitest.Instance) {
		for _, word := range args[1:] {
			switch key, value, _ := strings.Cut(word, "="); key {
			case "always-failover":
				i.AlwaysFailover = true
			case "mem":
				i.Memory, err = strconv.Atoi(value)
			case "hypervisor":
				i.Hypervisor = value
			case "os":
				i.OS = value
			case "template":
				err = convert(i, value, args[2:])
			case "nodes":
				// of the template
			default:
				err = fmt.Errorf("unknown word %s", word)
			}
		}
	})
	if no != nil {
		return no
	}
	return err
}

// convert gives an instance another disk template, as gnt-instance modify does: its data stay
// on the primary node, and drbd has a whole copy on the secondary.
func convert(i *luxitest.Instance, template string, words []string) error {
	i.Secondaries = nil
	for _, word := range words {
		if nodes := strings.TrimPrefix(word, "nodes="); nodes != word {
			list := strings.Split(nodes, ",")
			i.Primary, i.Secondaries = list[0], list[1:]
		}
	}
	if (template == luxitest.DRBD) != (len(i.Secondaries) == 1) {
		return fmt.Errorf("%s: so many secondary nodes", template)
	}
	i.Template, i.Data.On = template, i.Nodes()
	i.Data.Partial, i.Data.Failed = nil, nil
	return nil
}

func (w *World) create(args []string) error {
	return w.edit(func(c *luxitest.Cluster) error {
		if c.Instance(args[0]) != nil || c.Node(args[1]) == nil {
			return fmt.Errorf("there is such an instance, or no such node")
		}
		i := &luxitest.Instance{Name: args[0], Primary: args[1], AdminState: luxitest.AdminUp, RunsOn: args[1:2], Memory: 1}
		if len(args) > 2 {
			i.Tags = Tags(strings.Join(args[2:], ","))
		}
		c.Instances = append(c.Instances, i)
		return nil
	})
}
