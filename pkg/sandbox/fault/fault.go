// Package fault makes HTTP servers misbehave on demand: a Script stands before
// a handler and spoils chosen requests at the wire, so that clients are tested
// against lost replies, cut bodies and the like.
package fault

import (
	"net/http"
	"path"
	"strings"
	"time"
)

// Kind says what goes wrong.
type Kind int

// The kinds of faults. "After" means that the handler runs, so that what the
// request asks for happens, and only its answer suffers.
const (
	None        Kind = iota
	Refuse           // the connection is closed before the handler sees the request
	ResetBefore      // the same, with a reset
	DropReply        // the handler runs; the connection is closed without an answer
	ResetAfter       // the same, with a reset
	Delay            // the answer comes, after Pause
	SlowBody         // the answer comes in pieces of Bytes (default 1024), with Pause between them
	CutBody          // the answer ends after Bytes of its body, and with it the connection
	Status           // Code, Header and Body instead of the answer
	Garbage          // 200 with bytes that are not JSON, said to be JSON
	HTML             // Code (default 200) with a web page, as a proxy or login page gives
	Hang             // nothing comes until the client goes or the Script is closed
	Redirect         // Code (default 302) to To
	Alter            // the handler's answer, with another body
)

var kindNames = [...]string{
	"none", "refuse", "reset before", "drop reply", "reset after", "delay", "slow body",
	"cut body", "status", "garbage", "html", "hang", "redirect", "alter",
}

// String names the kind in a test's output.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return "unknown"
	}
	return kindNames[k]
}

// Fault is one thing that goes wrong, for some requests.
type Fault struct {
	Method string // empty: any
	Path   string // a prefix, or a pattern as path.Match takes it; empty: any
	Skip   int    // so many matching requests pass first
	Times  int    // so many are spoilt then; 0 is one, -1 is all

	Kind   Kind
	Pause  time.Duration                                // Delay, SlowBody
	Bytes  int64                                        // SlowBody, CutBody
	Part   int                                          // CutBody: after so many sixteenths of the body, instead of Bytes; 16 cuts nothing but the connection
	Code   int                                          // Status, HTML, Redirect
	Acted  bool                                         // Status, HTML, Redirect, Garbage: the handler has run, so that what was asked for has happened
	Header http.Header                                  // Status: added to the answer's
	Body   string                                       // Status
	To     string                                       // Redirect
	Change func(header http.Header, body []byte) []byte // Alter: gives the body, and may change the header

	// Before is called before the handler sees the request or anything is
	// answered, After when the handler has run and before its answer is lost
	// (DropReply, ResetAfter). Both may take their time: the client waits.
	Before, After func()
}

// matches says whether the fault is meant for a request.
func (f *Fault) matches(r *http.Request) bool {
	if f.Method != "" && f.Method != r.Method {
		return false
	}
	if f.Path == "" {
		return true
	}
	if strings.ContainsAny(f.Path, "*?[") {
		ok, err := path.Match(f.Path, r.URL.Path)
		return ok && err == nil
	}
	return strings.HasPrefix(r.URL.Path, f.Path)
}

// take says whether the fault strikes now, and counts.
func (f *Fault) take() bool {
	if f.Skip > 0 {
		f.Skip--
		return false
	}
	if f.Times == 0 {
		return false
	}
	if f.Times > 0 {
		f.Times--
	}
	return true
}
