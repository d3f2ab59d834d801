//go:build cluster

package integration_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// sight is what the configuration said at an instant, and what is judged by it: the
// jobs that were submitted between it and the next one.
type sight struct {
	first luxi.JobID            // the last job before it
	bad   map[string]string     // nodes that are "offline" or "drained"
	place map[string][]string   // nodes of each instance, the primary first
	tags  map[string][]string   // of instances, "group:NAME" and "cluster"
	fell  map[string]luxi.JobID // the last job before a node was last marked
}

// look reads the configuration.
func (c *chaos) look() (sight, error) {
	s := sight{
		bad: map[string]string{}, place: map[string][]string{}, tags: map[string][]string{}, fell: map[string]luxi.JobID{},
	}
	for node, job := range c.fell {
		s.fell[node] = job
	}
	var err error
	if s.first, err = c.newest(); err != nil {
		return s, err
	}
	if s.tags["cluster"], err = c.Tags(c.ctx, "cluster", ""); err != nil {
		return s, err
	}
	table := func(kind string, fields []string, each func(row []json.RawMessage) error) {
		if err != nil {
			return
		}
		var rows [][]json.RawMessage
		if rows, err = c.Query(c.ctx, kind, fields, nil); err != nil {
			return
		}
		for _, row := range rows {
			if err = each(row); err != nil {
				err = fmt.Errorf("%s: %w", row, err)
				return
			}
		}
	}
	table("group", []string{"name", "tags"}, func(row []json.RawMessage) error {
		var name string
		var tags []string
		err := unpackRow(row, &name, &tags)
		s.tags["group:"+name] = tags
		return err
	})
	table("node", []string{"name", "offline", "drained"}, func(row []json.RawMessage) error {
		var name string
		var offline, drained bool
		err := unpackRow(row, &name, &offline, &drained)
		if offline {
			s.bad[name] = "offline"
		} else if drained {
			s.bad[name] = "drained"
		}
		return err
	})
	table("instance", []string{"name", "pnode", "snodes", "tags"}, func(row []json.RawMessage) error {
		var name, primary string
		var secondaries, tags []string
		err := unpackRow(row, &name, &primary, &secondaries, &tags)
		s.place[name] = append([]string{primary}, secondaries...)
		s.tags[name] = tags
		return err
	})
	return s, err
}

func unpackRow(row []json.RawMessage, into ...interface{}) error {
	for k := range into {
		if err := json.Unmarshal(row[k], into[k]); err != nil {
			return err
		}
	}
	return nil
}

// newest is the number of the last job that was submitted.
func (c *chaos) newest() (luxi.JobID, error) {
	rows, err := c.Query(c.ctx, "job", []string{"id"}, []interface{}{">", "id", c.last})
	if err != nil {
		return 0, err
	}
	for _, row := range rows {
		n, err := strconv.ParseInt(strings.Trim(string(row[0]), `"`), 10, 64)
		if err != nil {
			return 0, err
		}
		if id := luxi.JobID(n); id > c.last {
			c.last = id
		}
	}
	return c.last, nil
}

// observe notes what the configuration says now. It is called in hooks, too, and
// so does not end the test.
func (c *chaos) observe() {
	s, err := c.look()
	if err != nil && atomic.LoadInt32(&c.down) != 0 {
		return // what the pass is about to submit does not get to luxid either
	}
	if err != nil {
		c.t.Errorf("looking at the cluster: %v", err)
		return
	}
	c.sights = append(c.sights, s)
}

// sightOf returns what was the case when a job was submitted.
func (c *chaos) sightOf(id luxi.JobID) sight {
	last := c.sights[0]
	for _, s := range c.sights {
		if s.first < id {
			last = s
		}
	}
	return last
}

// policy says what an instance's tags, those of its group and those of the cluster
// permit at a time: the nearest object with an opinion decides (T2, T3).
func (c *chaos) policy(s sight, name string, at time.Time) (typ tagstore.Type, suspended bool) {
	for _, object := range []string{name, "group:" + c.groups[s.place[name][0]], "cluster"} {
		for _, tag := range s.tags[object] {
			word := strings.TrimPrefix(tag, tagstore.Prefix)
			if word == "suspend" {
				suspended = true
			} else if strings.HasPrefix(word, "suspend:") {
				until, err := strconv.ParseInt(strings.TrimPrefix(word, "suspend:"), 10, 64)
				suspended = suspended || err != nil || until > at.Unix()
			} else if t, ok := tagstore.ParseType(word); ok && (typ == tagstore.None || t < typ) {
				typ = t
			}
		}
		switch {
		case suspended:
			return tagstore.None, true
		case typ != tagstore.None:
			return typ, false
		}
	}
	return tagstore.None, false
}

// need is what the table of repairs says of an instance (P1-P9): the type that its
// repair takes and the opcodes that may come next; no type where no repair exists.
func (c *chaos) need(s sight, name string) (typ tagstore.Type, next map[string]bool) {
	is := func(ops ...string) map[string]bool {
		set := map[string]bool{}
		for _, op := range ops {
			set[op] = true
		}
		return set
	}
	primary, secondary := s.bad[s.place[name][0]], ""
	if len(s.place[name]) > 1 {
		secondary = s.bad[s.place[name][1]]
	}
	switch template := chaosTemplates[name[:1]]; {
	case primary == "" && secondary == "":
		return tagstore.None, nil
	case template == "mirrored" && primary == "":
		return tagstore.FixStorage, is("REPLACE_DISKS")
	case template == "mirrored" && primary == "drained" && secondary == "":
		return tagstore.Migrate, is("MIGRATE", "FAILOVER")
	case template == "mirrored" && primary == "drained":
		return tagstore.Migrate, is("REPLACE_DISKS")
	case template == "mirrored" && secondary == "":
		return tagstore.Failover, is("FAILOVER")
	case template == "mirrored" && secondary == "offline":
		return tagstore.Reinstall, is("RECREATE_DISKS")
	case template == "shared" && primary == "drained":
		return tagstore.Migrate, is("MIGRATE", "FAILOVER")
	case template == "shared":
		return tagstore.Failover, is("FAILOVER")
	case template == "local" && primary == "offline":
		return tagstore.Reinstall, is("RECREATE_DISKS")
	}
	return tagstore.None, nil
}

// healthy says whether the instance has good nodes only.
func (s sight) healthy(name string) bool {
	for _, node := range s.place[name] {
		if s.bad[node] != "" {
			return false
		}
	}
	return true
}
