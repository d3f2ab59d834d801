package main

import (
	"fmt"
	"path"
	"sort"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
)

// Permissions, as the administrator types them.
const (
	permitFailover  = tagPrefix + "failover"
	permitReinstall = tagPrefix + "reinstall"
	suspended       = tagPrefix + "suspend"
)

// players are the instances. Those with a template that the cluster does not
// have are left out; with several templates it is the first that it has.
var players = []struct {
	instance
	templates []string
	about     string
}{
	{instance{name: "build1", nodes: []string{"node2"}}, []string{"file"}, "can be installed anew, its own tag says"},
	{instance{name: "cache1", nodes: []string{"node2"}}, []string{"diskless"}, ""},
	{instance{name: "db1", nodes: []string{"node2", "node4"}}, []string{"drbd"}, ""},
	{instance{name: "db2", nodes: []string{"node4", "node2"}}, []string{"drbd"}, ""},
	{instance{name: "log1", nodes: []string{"node2"}}, []string{"plain", "file"}, "must not be installed anew"},
	{instance{name: "pay1", nodes: []string{"node2"}}, []string{"sharedfile"}, "suspended: someone works on it"},
	{instance{name: "vol1", nodes: []string{"node3"}}, []string{"rbd"}, ""},
	{instance{name: "web1", nodes: []string{"node2"}}, []string{"sharedfile"}, ""},
	{instance{name: "web2", nodes: []string{"node3"}}, []string{"sharedfile"}, ""},
	{instance{name: "big1", nodes: []string{"node6"}, memory: much}, []string{"sharedfile"}, "takes much of a node's memory"},
	{instance{name: "mail1", nodes: []string{"node6"}}, []string{"sharedfile"}, ""},
}

// filler is the name of the instance that fills the node.
func filler(node string) string { return "batch" + strings.TrimPrefix(node, "node") }

// tell tells the whole story.
func (s *stage) tell() {
	s.beginning()
	s.disaster()
	s.suspensionLifted()
	s.nodesReturn()
	s.askedOnce()
	s.noRoom()
	s.ending()
}

// has reports whether the cluster has the instance.
func (s *stage) has(name string) bool { return s.seen != nil && contains(s.seen.instances, name) }

func (s *stage) beginning() {
	s.act("The cluster", append(s.cluster.About(), "")...)
	groups := s.cluster.Groups()
	for _, g := range groups {
		s.say(fmt.Sprintf("Node group %s: %s", g.name, strings.Join(g.nodes, ", ")))
	}
	var list []instance
	s.say("")
	for _, p := range players {
		i := p.instance
		for k := len(p.templates) - 1; k >= 0; k-- {
			if contains(s.cluster.Templates(), p.templates[k]) {
				i.template = p.templates[k]
			}
		}
		if i.template == "" {
			continue
		}
		if i.memory == 0 {
			i.memory = little
		}
		list = append(list, i)
		s.introduce(i, p.about)
	}
	// Instances that fill all other nodes of the last group.
	last := groups[len(groups)-1]
	for _, node := range last.nodes {
		if node != "node6" {
			i := instance{name: filler(node), template: "diskless", nodes: []string{node}, memory: most}
			list = append(list, i)
			s.introduce(i, "takes most of its node's memory")
		}
	}
	s.try(func() error { return s.cluster.Build(s.ctx, list) })
	s.look()
	s.act("What may be repaired, and how far",
		"Node group default is permitted to fail over, and whatever is safer.",
		"build1 may even be installed anew. pay1 must not be touched for now.",
		"Tags are all there is to it.", "")
	s.admin("gnt-group", "add-tags", "default", permitFailover)
	s.admin("gnt-instance", "add-tags", "build1", permitReinstall)
	s.admin("gnt-instance", "add-tags", "pay1", suspended)
	s.say("", "Below, tags are shown without ganeti:watcher:autorepair:")
}

func (s *stage) introduce(i instance, about string) {
	s.say(strings.TrimRight(fmt.Sprintf("  %-7s %-10s  on %-12s  %s", i.name, i.template, strings.Join(i.nodes, ", "), about), " "))
}

func (s *stage) disaster() {
	s.act("node2 dies, node3 is to be serviced")
	s.say("node2 loses its power. The administrator looks, and says so:")
	s.try(func() error { return s.cluster.PowerOff(s.ctx, "node2", "build1") })
	s.admin("gnt-node", "modify", "--offline=yes", "node2")
	s.admin("gnt-node", "modify", "--drained=yes", "node3")
	s.status()
	s.untilQuiet()
	s.status()

	s.repaired("build1", "reinstall")
	s.repaired("cache1", "failover")
	s.repaired("db1", "failover")
	s.repaired("db2", "fix-storage")
	s.repaired("vol1", "migrate")
	s.repaired("web1", "failover")
	s.repaired("web2", "migrate")
	s.untouched("log1", "node2", "result:reinstall:*:enoperm:")
	s.untouched("pay1", "node2", "suspend")
}

func (s *stage) suspensionLifted() {
	s.act("The suspension is lifted")
	s.admin("gnt-instance", "remove-tags", "pay1", suspended)
	s.untilQuiet()
	s.repaired("pay1", "failover")
}

func (s *stage) nodesReturn() {
	s.act("node2 and node3 return",
		"node2 has a new power supply, and its disks are as they were.",
		"So is log1, which nobody was permitted to install anew.", "")
	s.try(func() error { return s.cluster.PowerOn(s.ctx, "node2") })
	s.admin("gnt-node", "modify", "--force", "--offline=no", "node2")
	s.admin("gnt-node", "modify", "--drained=no", "node3")
	s.admin("gnt-instance", "startup", "log1")
	s.untilQuiet()
	s.untouched("log1", "node2") // it is told again when the need comes again
}

func (s *stage) askedOnce() {
	s.act("A repair is asked for once",
		"node6 is in another group, where no tag permits anything.", "")
	s.admin("gnt-node", "modify", "--drained=yes", "node6")
	s.status()
	s.untilQuiet()
	s.untouched("mail1", "node6")
	s.untouched("big1", "node6")
	s.say("", "Whatever is permitted in general, anyone may ask for one repair.",
		"A pending tag does that, with an id, a time and no jobs yet.", "")
	s.admin("gnt-instance", "add-tags", "mail1", fmt.Sprintf("%spending:migrate:by-hand:%d:", tagPrefix, time.Now().Unix()))
	s.untilQuiet()
	s.repaired("mail1", "migrate")
	s.untouched("big1", "node6")
}

func (s *stage) noRoom() {
	s.act("There is no room, and then there is",
		"Now the whole cluster is permitted to fail over, and so big1 may migrate.",
		"But nowhere else in its group is so much memory free.", "")
	s.admin("gnt-cluster", "add-tags", permitFailover)
	s.pass()
	s.say("", "From now on each pass looks for room by a dry run, which enters no tag.")
	s.pass()
	s.pass()
	s.status()
	s.try(func() error {
		s.records("big1", "pending:migrate:*")
		return nil
	})
	s.say("", "The batch job on node5 is done.", "")
	s.admin("gnt-instance", "remove", "--force", filler("node5"))
	s.untilQuiet()
	s.repaired("big1", "migrate")
}

// ending checks what the end must be like.
func (s *stage) ending() {
	s.act("The end")
	s.status()
	s.try(func() error {
		for _, name := range s.seen.instances {
			for _, node := range s.seen.places[name] {
				s.check(s.seen.conditions[node] == "", "%s is on %s, which is %s", name, node, s.seen.conditions[node])
			}
		}
		for _, subject := range s.seen.subjects() {
			for _, tag := range s.seen.tags[subject] {
				s.check(!strings.HasPrefix(tag, "pending:"), "%s still has the tag %s", subject, tag)
			}
		}
		return nil
	})
	s.try(func() error {
		names, err := s.cluster.Replaced()
		sort.Strings(names)
		s.check(len(names) == 1 && names[0] == "build1", "data was lost of %s, where it should be of build1 alone", strings.Join(names, ", "))
		return err
	})
	s.try(func() error {
		table, err := s.client.Query(s.ctx, luxi.ResInstance, []string{"name", "status"}, nil)
		if err != nil {
			return err
		}
		for row := range table.Rows {
			var name, status string
			if err := table.Scan(row, &name, &status); err != nil {
				return err
			}
			s.check(status == "running", "the status of %s is %s", name, status)
		}
		return nil
	})
	s.say("", fmt.Sprintf("All is quiet after %d passes.", s.passes),
		"Every instance runs on good nodes, and only build1 was installed anew.",
		fmt.Sprintf("The story went as told, in all of %d details that were checked.", s.checks))
}

// repaired checks that the instance is on good nodes now and that its only
// record is the success of a repair of that type. An instance that the cluster
// does not have is left out.
func (s *stage) repaired(name, repair string) {
	if !s.has(name) {
		return
	}
	s.try(func() error {
		for _, node := range s.seen.places[name] {
			s.check(s.seen.conditions[node] == "", "%s is on %s, which is %s", name, node, s.seen.conditions[node])
		}
		s.records(name, "result:"+repair+":*:success:*")
		return nil
	})
}

// untouched checks that the instance is still on that node, with such tags.
func (s *stage) untouched(name, node string, patterns ...string) {
	s.try(func() error {
		place := strings.Join(s.seen.places[name], ", ")
		s.check(place == node, "%s is on %s instead of %s", name, place, node)
		s.records(name, patterns...)
		return nil
	})
}

// records checks that the instance's tags, save for permissions, match the
// patterns (see path.Match) one by one.
func (s *stage) records(name string, patterns ...string) {
	var list []string
	for _, tag := range s.seen.tags[name] {
		if strings.Contains(tag, ":") || tag == "suspend" {
			list = append(list, tag)
		}
	}
	ok := len(list) == len(patterns)
	for k := 0; ok && k < len(list); k++ {
		ok, _ = path.Match(patterns[k], list[k]) // no pattern here is malformed
	}
	s.check(ok, "%s has the tags %q and not %q", name, list, patterns)
}
