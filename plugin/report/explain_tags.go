package report

import (
	"fmt"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// TagReading is a tag and how it was understood.
type TagReading struct {
	Object  string `json:"object"`
	Tag     string `json:"tag"`
	Meaning string `json:"meaning"`
}

func date(unix int64) string { return time.Unix(unix, 0).Format("2006-01-02 15:04:05") }

// objects are those whose tags count, nearest first.
func (x explainer) objects() []tagstore.Object {
	list := []tagstore.Object{{Kind: luxi.TagInstance, Name: x.i.Name, Tags: x.i.Tags}}
	if g := x.s.Group(x.i); g != nil {
		list = append(list, tagstore.Object{Kind: luxi.TagGroup, Name: g.Name, Tags: g.Tags})
	}
	return append(list, tagstore.Object{Kind: luxi.TagCluster, Tags: x.s.Cluster.Tags})
}

func (x explainer) tags() []TagReading {
	list := []TagReading{}
	for _, o := range x.objects() {
		list = append(list, readings(o, x.s.Time.Unix())...)
	}
	return list
}

// readings says how each tag of an object is understood.
func readings(o tagstore.Object, now int64) []TagReading {
	var list []TagReading
	add := func(tag, format string, args ...any) {
		list = append(list, TagReading{Object: o.String(), Tag: tag, Meaning: fmt.Sprintf(format, args...)})
	}
	least := tagstore.None
	for _, e := range o.Tags.Enables {
		if least == tagstore.None || e.Type < least {
			least = e.Type
		}
	}
	for _, e := range o.Tags.Enables {
		if e.Type == least {
			add(e.Tag, "permits repairs up to %s", e.Type)
		} else {
			add(e.Tag, "does not count: of several types the least destructive does, %s", least)
		}
	}
	for _, s := range o.Tags.Suspends {
		switch {
		case s.Forever():
			add(s.Tag, "suspends all repairs until it is removed")
		case s.Expired(now):
			add(s.Tag, "a suspension that ended at %s; the next pass removes the tag", date(s.Until))
		default:
			add(s.Tag, "suspends all repairs until %s", date(s.Until))
		}
	}
	ended := make(map[string]bool)
	for _, r := range o.Tags.Results {
		ended[r.ID] = true
	}
	for _, r := range o.Tags.Pendings {
		text := fmt.Sprintf("repair %s of type %s, begun at %s, ", r.ID, r.Type, date(r.Time)) + jobsInWords(r.Jobs)
		if ended[r.ID] {
			text += "; it has ended, the tag is left over"
		}
		add(r.Tag, "%s", text)
	}
	for _, r := range o.Tags.Results {
		add(r.Tag, "%s", resultInWords(r))
	}
	for _, m := range o.Tags.Malformed {
		effect := "it means nothing here"
		switch m.Effect {
		case tagstore.Suspends:
			effect = "it suspends all repairs until a person looks"
		case tagstore.Blocks:
			effect = "it blocks all repairs of the instance until a person looks"
		case tagstore.Forbids:
			effect = "nothing is permitted here until a person looks"
		}
		if m.Suggest != "" {
			effect += "; did you mean " + m.Suggest + "?"
		}
		add(m.Tag, "cannot be read (%s); %s", m.Why, effect)
	}
	return list
}

func jobsInWords(ids []luxi.JobID) string {
	switch len(ids) {
	case 0:
		return "no job yet"
	case 1:
		return fmt.Sprintf("job %d", ids[0])
	}
	var words []string
	for _, id := range ids {
		words = append(words, fmt.Sprint(int64(id)))
	}
	return "jobs " + strings.Join(words, ", ")
}

func resultInWords(r tagstore.Result) string {
	text := fmt.Sprintf("repair %s of type %s ended at %s: %s", r.ID, r.Type, date(r.Time), r.Outcome)
	if len(r.Jobs) > 0 {
		text += ", " + jobsInWords(r.Jobs)
	}
	switch r.Outcome {
	case tagstore.Failure:
		text += "; nothing is done until a person has looked and removed the tag"
	case tagstore.Enoperm:
		text += ", the type does not permit the step it takes"
	}
	return text
}
