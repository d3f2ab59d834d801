package read

import (
	"context"
	"fmt"
	"sync"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// Primaries returns the primary nodes of all instances, by the names of these. No node is
// asked.
func Primaries(ctx context.Context, c *luxi.Client) (map[string]string, error) {
	t, err := Query(ctx, c, luxi.ResInstance, []string{"name", "pnode"}, nil)
	if err != nil {
		return nil, fmt.Errorf("reading the primary nodes of instances: %w", err)
	}
	primaries := make(map[string]string, len(t.Rows))
	for row := range t.Rows {
		var name string
		var node luxi.Value[string]
		if err := t.Scan(row, &name, &node); err != nil {
			return nil, fmt.Errorf("reading the primary nodes of instances: %w", err)
		}
		primaries[name] = node.V
	}
	return primaries, nil
}

// NodeAnswers are what came of asking nodes whether they answer, by name.
type NodeAnswers struct {
	Answers map[string]repair.NodeAnswer
	// Why tells what was odd about those answers from which nothing follows.
	Why map[string]string
}

// WhoAnswers has luxid ask nodes for their bootid: all together within the given time, and
// each on its own for as long where that is not enough. Of a node that does not answer luxid
// says that there are no data (nodeLiveRpcCall in src/Ganeti/Query/Node.hs), of one that
// somebody has marked offline meanwhile that it is offline. An error says nothing about any
// node.
func WhoAnswers(ctx context.Context, c *luxi.Client, within time.Duration, nodes []string) (NodeAnswers, error) {
	a := NodeAnswers{make(map[string]repair.NodeAnswer), make(map[string]string)}
	var mu sync.Mutex
	replied := make(map[string]bool) // luxid has, for the node
	tables, err := AskNodesWithin(ctx, within, nodes, func(ctx context.Context, nodes []string) (*luxi.Table, error) {
		t, err := Query(ctx, c, luxi.ResNode, []string{"name", "bootid"}, luxi.AnyOf("name", nodes...))
		mu.Lock()
		defer mu.Unlock()
		for _, node := range nodes {
			replied[node] = replied[node] || err == nil
		}
		return t, err
	})
	if err != nil {
		return a, fmt.Errorf("asking nodes whether they answer: %w", err)
	}
	for _, node := range nodes {
		if replied[node] {
			a.Why[node] = "luxid's answer does not have it"
		} else {
			a.Answers[node] = repair.AnswerLate
		}
	}
	for _, t := range tables {
		for row := range t.Rows {
			var name string
			var boot luxi.Value[string]
			if err := t.Scan(row, &name, &boot); err != nil {
				return a, fmt.Errorf("asking nodes whether they answer: %w", err)
			}
			delete(a.Why, name)
			switch {
			case boot.Status == luxi.StatusNormal && boot.V != "":
				a.Answers[name] = repair.AnswerGiven
			case boot.Status == luxi.StatusNormal:
				a.Why[name] = "its bootid is empty"
			case boot.Status == luxi.StatusNoData:
				a.Answers[name] = repair.AnswerMissing
			case boot.Status == luxi.StatusOffline:
			default:
				a.Why[name] = "its bootid is said to be: " + boot.Status.String()
			}
		}
	}
	return a, nil
}
