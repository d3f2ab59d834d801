//go:build cluster

package integration_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"ganeti-autorepair/integration/judge"
	"ganeti-autorepair/luxi"
)

// sight is what the configuration said at an instant, and where instances ran.
type sight struct {
	at        time.Time
	bad       map[string]string         // nodes that are "offline" or "drained"
	place     map[string][]string       // nodes of each instance, the primary first
	tags      map[string][]string       // of instances, "group:NAME" and "cluster"
	instances map[string]judge.Instance // without tags and status
}

// look reads the configuration.
func (c *chaos) look() (sight, error) {
	s := sight{
		at: time.Now(), bad: map[string]string{}, place: map[string][]string{}, tags: map[string][]string{}, instances: map[string]judge.Instance{},
	}
	var err error
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
	table("instance", []string{"name", "uuid", "pnode", "snodes", "disk_template", "admin_state", "disks_active", "tags"}, func(row []json.RawMessage) error {
		i := judge.Instance{Truth: true}
		var secondaries, tags []string
		err := unpackRow(row, &i.Name, &i.UUID, &i.Primary, &secondaries, &i.Template, &i.Admin, &i.DisksActive, &tags)
		s.place[i.Name] = append([]string{i.Primary}, secondaries...)
		i.Secondary, i.RunsOn = strings.Join(secondaries, ","), c.sim.RunsOn(i.Name)
		s.tags[i.Name], s.instances[i.Name] = tags, i
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
