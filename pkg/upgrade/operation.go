package upgrade

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

// contextPrefix begins the context id of every deploy of this program.
const contextPrefix = "perpetual-"

// operation identifies what a put asks for: this content, with these configs, on this
// deployment. Its tasks are found at the director by their context id
//
//	perpetual-CONTENT+CONFIGS-ATTEMPT-BUILD
//
// so that a run that was killed, and is run again, finds what it has started,
// and another build of the same content joins it.
type operation struct {
	content string // 18 hex digits: the manifest, and how it is deployed
	configs string // 10 hex digits: the cloud and runtime configs; "" before a comparison has told them
	build   string // "4711", BUILD_ID of the Concourse build, or byHand
}

// byHand stands for no build: what is run twice there is meant twice.
const byHand = "0"

// configDigits is the length of operation.configs.
const configDigits = 10

// operation is made of all that changes what the director does. A forced deploy
// is another operation in every build: nothing in the content tells two apart.
func (r *run) operation(build Build) operation {
	op := operation{build: cmp.Or(build.ID, byHand), configs: r.configs}
	forced := ""
	if r.Recreate || r.Fix {
		forced = op.build
	}
	parts := []string{
		r.Deployment, r.digest,
		strconv.FormatBool(r.Recreate), strconv.FormatBool(r.Fix), forced,
	}
	for _, w := range r.wanted {
		if w.Latest() { // it means another version once the director has a newer one
			parts = append(parts, w.String())
		}
	}
	op.content = digest(18, parts...)
	return op
}

// digest shortens texts to so many hex digits.
func digest(digits int, parts ...string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(parts, "\x00"))))[:digits]
}

// configsOf identifies the configs of a comparison,
// {"cloud_config_ids":[1],"runtime_config_ids":[]}, whatever their order.
func configsOf(context json.RawMessage) string {
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

func (o operation) contextID(attempt int) string {
	return fmt.Sprintf(contextPrefix+"%s%s-%d-%s", o.content, o.configs, attempt, o.build)
}

// attempt reads the number of an attempt at the same content with the same configs, by
// this build or another one.
func (o operation) attempt(contextID string) (number int, build string, same bool) {
	rest, same := strings.CutPrefix(contextID, contextPrefix+o.content+o.configs+"-")
	if !same {
		return 0, "", false
	}
	digits, build, _ := strings.Cut(rest, "-")
	number, err := strconv.Atoi(digits)
	return number, build, err == nil
}

// related says whether a task deploys the same content, with whatever configs.
func (o operation) related(contextID string) bool {
	rest, ok := strings.CutPrefix(contextID, contextPrefix+o.content)
	configs, _, found := strings.Cut(rest, "-")
	return ok && found && len(configs) == configDigits
}

// verdict is what the director's tasks say about an operation.
type verdict struct {
	running  *bosh.Task // deploys the same content, and is not being cancelled
	holder   *bosh.Task // works on the deployment, but not on this content
	last     *bosh.Task // the last deploy that ended
	good     bool       // whether last, or a twin of it, is done
	own      *bosh.Task // the last deploy that this very build has submitted and that has ended
	failed   []int      // the tasks that have failed with this content since a deploy was last done
	attempts int        // how many attempts these were
	next     int        // the number of the attempt to submit
	newest   int        // the highest id of all tasks
	tasks    []bosh.Task
}

// judge looks at all tasks of a deployment. A task that did not get the lock
// has done nothing, whatever became of it: its twin, or somebody else, held it.
func judge(op operation, tasks []bosh.Task) verdict {
	v := verdict{tasks: tasks}
	done, failed := map[string]bool{}, map[string]bool{} // by context id
	for _, t := range byID(tasks) {
		v.newest = t.ID
		number, build, same := op.attempt(t.ContextID)
		switch {
		case !t.Finished() && same && t.State != bosh.StateCancelling:
			v.running = cmp.Or(v.running, &t)
		case !t.Finished() && t.Holds():
			v.holder = cmp.Or(v.holder, &t)
		}
		if !t.Finished() || !t.IsDeploy() || t.LostLock() {
			continue // a dry run is called "create deployment (dry run)"
		}
		v.last = &t
		if same {
			v.next = max(v.next, number)
		}
		if same && build == op.build && build != byHand {
			v.own = &t
		}
		switch {
		case t.State == bosh.StateDone:
			done[t.ContextID] = t.ContextID != ""
			clear(failed)
			v.failed = nil
		case same && !done[t.ContextID]:
			failed[t.ContextID] = true
			v.failed = append(v.failed, t.ID)
		}
	}
	v.next++
	v.attempts = len(failed)
	v.good = v.last != nil && (v.last.State == bosh.StateDone || done[v.last.ContextID])
	return v
}
