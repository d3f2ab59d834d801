package nodesim

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// newServer returns the server of a node's daemon. It logs no errors of single
// connections: clients may end at any time.
func newServer(n *node) *http.Server {
	return &http.Server{
		Handler:   http.HandlerFunc(n.serve),
		TLSConfig: n.fleet.tls.Clone(),
		ErrorLog:  log.New(io.Discard, "", 0),
		// A request must not outlive its node.
		BaseContext: func(net.Listener) context.Context { return context.Background() },
	}
}

// serve answers one call: [true, result] or [false, message].
func (n *node) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var args []json.RawMessage
	if err := json.Unmarshal(body, &args); err != nil {
		http.Error(w, "arguments are not a JSON array", http.StatusBadRequest)
		return
	}
	call := Call{Node: n.spec.Name, Name: strings.TrimPrefix(r.URL.Path, "/")}
	call.Instance = n.fleet.instanceOf(call.Name, args)

	f := n.fleet
	f.mu.Lock()
	hook := f.hook
	fault := f.match(call)
	f.mu.Unlock()
	if hook != nil {
		hook(call)
	}
	if fault != nil {
		if fault.Delay > 0 || fault.Hang {
			var late <-chan time.Time
			if !fault.Hang {
				timer := time.NewTimer(fault.Delay)
				defer timer.Stop()
				late = timer.C
			}
			select {
			case <-late:
			case <-r.Context().Done():
				return
			case <-f.done:
				return
			case <-fault.lifted:
			}
		}
		if fault.Drop && !fault.After {
			panic(http.ErrAbortHandler)
		}
	}
	var answer [2]interface{}
	var answered func()
	switch {
	case fault != nil && fault.Fail != "" && !fault.After:
		answer = [2]interface{}{false, fault.Fail}
		call.Err = fault.Fail
	case fault != nil && fault.Result != nil && !fault.After:
		answer = [2]interface{}{true, fault.Result}
	default:
		result, then, err := f.execute(n, call.Name, args)
		answered = then
		if fault != nil && fault.Result != nil {
			result = fault.Result
		}
		answer = [2]interface{}{true, result}
		if err == nil && fault != nil && fault.Fail != "" {
			err = callError(fault.Fail)
		}
		if err != nil {
			call.Err = err.Error()
			answer = [2]interface{}{false, call.Err}
		}
	}
	f.mu.Lock()
	f.calls = append(f.calls, call)
	f.mu.Unlock()
	if answered != nil {
		defer answered()
	}
	if fault != nil && fault.Drop {
		panic(http.ErrAbortHandler)
	}
	text, err := json.Marshal(answer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	// The client may be gone.
	_, _ = w.Write(text)
	if flusher, ok := w.(http.Flusher); ok {
		flusher.Flush()
	}
}

// callError is an error that a node answers.
type callError string

func (e callError) Error() string { return string(e) }

// execute executes a call on a node. It returns its result, and what is to be done once
// that is sent, or nil.
func (f *Fleet) execute(n *node, name string, args []json.RawMessage) (interface{}, func(), error) {
	do := calls[name]
	if do == nil {
		return nil, nil, callError("nodesim does not know the call " + name)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !n.powered {
		return nil, nil, callError("the node has lost its power")
	}
	f.current = name + " on " + n.spec.Name
	defer func() { f.current = "" }()
	a := &arguments{list: args}
	result, err := do(n, a)
	if a.err != nil {
		return nil, nil, callError("nodesim: " + name + ": " + a.err.Error())
	}
	return result, a.answered, err
}
