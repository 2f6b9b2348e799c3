package task

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

// Prefix begins the context id of every deploy of this program.
const Prefix = "perpetual-"

// Operation identifies what a put asks for: this content, with these configs, on this
// deployment. Its tasks are found at the director by their context id
//
//	perpetual-CONTENT+CONFIGS-ATTEMPT-BUILD
//
// so that a run that was killed, and is run again, finds what it has started,
// and another build of the same content joins it.
type Operation struct {
	Content string // 18 hex digits: the manifest, and how it is deployed
	Configs string // 10 hex digits: the cloud and runtime configs; "" before a comparison has told them
	Build   string // "4711", BUILD_ID of the Concourse build, or ByHand
}

// ByHand stands for no build: what is run twice there is meant twice.
const ByHand = "0"

// configDigits is the length of Operation.Configs.
const configDigits = 10

// Identify makes an operation of all that changes what the director does, and of the build
// that asks for it; "" is none.
func Identify(build, configs string, parts ...string) Operation {
	return Operation{Content: digest(18, parts...), Configs: configs, Build: cmp.Or(build, ByHand)}
}

// digest shortens texts to so many hex digits.
func digest(digits int, parts ...string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(parts, "\x00"))))[:digits]
}

// ConfigsOf identifies the configs of a comparison,
// {"cloud_config_ids":[1],"runtime_config_ids":[]}, whatever their order.
func ConfigsOf(context json.RawMessage) string {
	var ids map[string][]int
	if json.Unmarshal(context, &ids) != nil {
		return digest(configDigits, string(context))
	}
	parts := []string{}
	for _, kind := range slices.Sorted(maps.Keys(ids)) {
		slices.Sort(ids[kind])
		parts = append(parts, kind, fmt.Sprint(ids[kind]))
	}
	return digest(configDigits, parts...)
}

// ContextID marks the task of one attempt.
func (o Operation) ContextID(attempt int) string {
	return fmt.Sprintf(Prefix+"%s%s-%d-%s", o.Content, o.Configs, attempt, o.Build)
}

// Attempt reads the number of an attempt at the same content with the same configs, by
// this build or another one.
func (o Operation) Attempt(contextID string) (number int, build string, same bool) {
	rest, same := strings.CutPrefix(contextID, Prefix+o.Content+o.Configs+"-")
	if !same {
		return 0, "", false
	}
	digits, build, _ := strings.Cut(rest, "-")
	number, err := strconv.Atoi(digits)
	return number, build, err == nil
}

// Related says whether a task deploys the same content, with whatever configs.
func (o Operation) Related(contextID string) bool {
	rest, ok := strings.CutPrefix(contextID, Prefix+o.Content)
	configs, _, found := strings.Cut(rest, "-")
	return ok && found && len(configs) == configDigits
}

// Verdict is what the director's tasks say about an operation.
type Verdict struct {
	Running  *bosh.Task // deploys the same content, and is not being cancelled
	Holder   *bosh.Task // works on the deployment, but not on this content
	Last     *bosh.Task // the last deploy that ended
	Good     bool       // whether last, or a twin of it, is done
	Own      *bosh.Task // the last deploy that this very build has submitted and that has ended
	Failed   []int      // the tasks that have failed with this content since a deploy was last done
	Attempts int        // how many attempts these were
	Next     int        // the number of the attempt to submit
	Newest   int        // the highest id of all tasks
	Tasks    []bosh.Task
}

// Judge looks at all tasks of a deployment. A task that did not get the lock
// has done nothing, whatever became of it: its twin, or somebody else, held it.
func Judge(op Operation, tasks []bosh.Task) Verdict {
	v := Verdict{Tasks: tasks}
	done, failed := map[string]bool{}, map[string]bool{} // by context id
	for _, t := range ByID(tasks) {
		v.Newest = t.ID
		number, build, same := op.Attempt(t.ContextID)
		switch {
		case !t.Finished() && same && t.State != bosh.StateCancelling:
			v.Running = cmp.Or(v.Running, &t)
		case !t.Finished() && t.Holds():
			v.Holder = cmp.Or(v.Holder, &t)
		}
		if !t.Finished() || !t.IsDeploy() || t.LostLock() {
			continue // a dry run is called "create deployment (dry run)"
		}
		v.Last = &t
		if same {
			v.Next = max(v.Next, number)
		}
		if same && build == op.Build && build != ByHand {
			v.Own = &t
		}
		switch {
		case t.State == bosh.StateDone:
			done[t.ContextID] = t.ContextID != ""
			clear(failed)
			v.Failed = nil
		case same && !done[t.ContextID]:
			failed[t.ContextID] = true
			v.Failed = append(v.Failed, t.ID)
		}
	}
	v.Next++
	v.Attempts = len(failed)
	v.Good = v.Last != nil && (v.Last.State == bosh.StateDone || done[v.Last.ContextID])
	return v
}

// Why says in words by which rule of Judge a task counts, or does not.
func (o Operation) Why(t bosh.Task) string {
	_, build, same := o.Attempt(t.ContextID)
	switch {
	case !t.Finished() && same && t.State != bosh.StateCancelling:
		return "it deploys the same content: join it"
	case !t.Finished() && same:
		return "it deployed the same content and is being cancelled: wait for its end"
	case !t.Finished() && t.Holds() && o.Related(t.ContextID):
		return "it deploys the same manifest with other cloud or runtime configs: wait for its end"
	case !t.Finished() && t.Holds():
		return "it works on the deployment, with other content: wait for its end"
	case !t.Finished():
		return "it runs, but keeps nobody from deploying"
	case !t.IsDeploy():
		return "it is not a deploy"
	case t.LostLock():
		return "it did not get the lock, so it has done nothing: what its twin did counts"
	case t.State == bosh.StateDone && same:
		return "it has deployed this content"
	case t.State == bosh.StateDone:
		return "it has deployed other content: earlier failures count no more"
	case same && build == o.Build && build != ByHand:
		return "this build's own attempt, which failed"
	case o.Configs != "" && !same && o.Related(t.ContextID):
		return "an attempt at this content with other cloud or runtime configs, which failed"
	case same || o.Related(t.ContextID):
		return "an attempt at this content, which failed"
	}
	return "an attempt at other content, which failed"
}
