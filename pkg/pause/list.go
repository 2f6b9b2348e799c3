package pause

import (
	"errors"
	"fmt"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// Phase is how far a pause is.
type Phase string

// The phases of a list.
const (
	Pausing  Phase = "pausing"  // written down; not all of it is known to be paused
	Paused   Phase = "paused"   // all of it was seen to be paused
	Resuming Phase = "resuming" // some of it may be unpaused again, by us
	Ended    Phase = "ended"    // nothing of it is paused any more
)

// List is what a quiet upgrade has paused.
type List struct {
	Deployment string    `json:"deployment"`         // "concourse"
	Phase      Phase     `json:"phase"`              // "paused"
	Since      time.Time `json:"since"`              // when the first pipeline of it was paused
	Build      string    `json:"build"`              // that has paused: "main/self-upgrade/upgrade #12"
	BuildID    int       `json:"build_id,omitempty"` // 4711; 0 for a run outside of Concourse
	User       string    `json:"user"`               // as whom it has: "perpetual"
	From       string    `json:"from"`               // Concourse before: "8.2.5"
	To         string    `json:"to"`                 // and after: "8.3.0"
	After      int       `json:"after"`              // the director's last task before: 41
	Task       int       `json:"task,omitempty"`     // that the director has accepted: 42
	Pipelines  []Entry   `json:"pipelines"`
}

// Step is how far the pause of one pipeline is.
type Step string

// The steps of an entry.
const (
	Listed Step = "listed" // to be paused; whether it was is to be looked up
	Held   Step = "held"   // seen to be paused by us
	Freed  Step = "freed"  // unpaused by a person since: left alone
)

// Entry is one pipeline of a list.
type Entry struct {
	ID           int            `json:"id"`                      // 12
	Team         string         `json:"team"`                    // "main"
	Name         string         `json:"name"`                    // "app"
	InstanceVars map[string]any `json:"instance_vars,omitempty"` // {"branch": "main"}
	Step         Step           `json:"step"`                    // "held"
	By           string         `json:"by,omitempty"`            // who has paused it, as Concourse has shown it after our pause: "perpetual"
	At           int64          `json:"at,omitempty"`            // and when, in Unix seconds: 1787659200
}

// String names the pipeline as fly does, with its team.
func (e Entry) String() string {
	return label(e.Team, concourse.Pipeline{Name: e.Name, InstanceVars: e.InstanceVars})
}

// Active says whether pipelines of the list may be paused by us.
func (l List) Active() bool { return l.Phase != "" && l.Phase != Ended }

// Teams are the teams of the pipelines that are in the list, each once, in order.
func (l List) Teams() []string {
	teams := []string{}
	seen := map[string]bool{}
	for _, e := range l.Pipelines {
		if !seen[e.Team] {
			seen[e.Team] = true
			teams = append(teams, e.Team)
		}
	}
	return teams
}

var format = state.Format{Kind: "list"}

// byHand is what people do with a list that this program does not take.
const byHand = "look at it, unpause with fly unpause-pipeline what is to run, and delete it"

// encode gives a list as it is kept.
func (l List) encode() ([]byte, error) {
	if l.Pipelines == nil {
		l.Pipelines = []Entry{}
	}
	return format.Encode(l)
}

// decode reads a list from the document name.
func decode(name string, body []byte) (List, error) {
	var list List
	err := format.Decode(name, body, &list)
	var newer *state.NewerError
	if errors.As(err, &newer) {
		return List{}, err
	}
	if err == nil {
		err = list.check(name)
	}
	if err != nil {
		return List{}, fmt.Errorf("%w; nothing was changed: %s", err, byHand)
	}
	return list, nil
}

// check says what no list of ours has.
func (l List) check(name string) error {
	damaged := func(format string, args ...any) error {
		return fmt.Errorf("decode list %s: it is damaged: %s", name, fmt.Sprintf(format, args...))
	}
	switch l.Phase {
	case Pausing, Paused, Resuming, Ended:
	default:
		return damaged("unknown phase %q", l.Phase)
	}
	if l.Deployment == "" {
		return damaged("it names no deployment")
	}
	seen := map[int]bool{}
	for _, e := range l.Pipelines {
		switch e.Step {
		case Listed, Held, Freed:
		default:
			return damaged("unknown step %q of pipeline %s", e.Step, e)
		}
		if e.ID <= 0 || e.Team == "" || e.Name == "" || seen[e.ID] {
			return damaged("pipeline %q of team %q with id %d", e.Name, e.Team, e.ID)
		}
		seen[e.ID] = true
	}
	return nil
}
