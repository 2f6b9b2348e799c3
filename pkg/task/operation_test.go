package task

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

// tasks reads lines such as "8 done own-2", of ids, states and context ids:
// own is this build's, other another build's of the same content, alien another
// content's and none a deploy by the CLI. "lock" is an error that lost the lock,
// "dry" a dry run, "delete" a deletion that runs.
func tasks(t *testing.T, text string) []bosh.Task {
	t.Helper()
	var list []bosh.Task
	for _, line := range strings.Split(strings.TrimSpace(text), ",") {
		task, context := bosh.Task{Description: "create deployment", Deployment: "concourse"}, ""
		if n, err := fmt.Sscan(line, &task.ID, &task.State, &context); n != 3 {
			t.Fatalf("%q: %v", line, err)
		}
		switch task.State {
		case "lock":
			task.State, task.Result = bosh.StateError, "Failed to acquire lock for lock:deployment:concourse uid: 1. Locking task id is 1, descr..."
		case "dry":
			task.State, task.Description = bosh.StateDone, "create deployment (dry run)"
		case "delete":
			task.State, task.Description = bosh.StateProcessing, "delete deployment concourse"
		case "ssh":
			task.State, task.Description = bosh.StateProcessing, "ssh: setup"
		}
		kind, attempt, _ := strings.Cut(context, "-")
		switch kind {
		case "old": // with other configs
			task.ContextID = "perpetual-c0ffee9999999999-" + attempt + "-12"
		case "own":
			task.ContextID = "perpetual-c0ffee0123456789-" + attempt + "-12"
		case "other":
			task.ContextID = "perpetual-c0ffee0123456789-" + attempt + "-11"
		case "alien":
			task.ContextID = "perpetual-decaf00123456789-" + attempt + "-12"
		}
		list = append(list, task)
	}
	return list
}

func TestJudge_looksAtTheWholeSet(t *testing.T) {
	type want struct {
		Running, Holder, Last, Own int
		Good                       bool
		Failed                     []int
		Attempts, Next             int
	}
	for _, c := range []struct {
		name, tasks string
		want        want
	}{
		{"one that is done", "7 done none", want{Last: 7, Good: true, Next: 1}},
		{"one that runs", "7 done none, 8 processing own-1", want{Running: 8, Last: 7, Good: true, Next: 1}},
		{"one of another build runs", "8 queued other-1", want{Running: 8, Next: 1}},
		{"twins run", "9 processing own-1, 8 queued own-1", want{Running: 8, Next: 1}},
		{"one is being cancelled", "8 cancelling own-1", want{Holder: 8, Next: 1}},
		{"another content is deployed", "8 processing alien-1", want{Holder: 8, Next: 1}},
		{"the same content with other configs is deployed", "7 done none, 8 processing old-1", want{Holder: 8, Last: 7, Good: true, Next: 1}},
		{"attempts with other configs failed", "8 error old-1, 9 error old-2", want{Last: 9, Next: 1}},
		{"it is being deleted", "8 delete none", want{Holder: 8, Next: 1}},
		{"somebody looks around", "8 ssh none", want{Next: 1}},
		{"a dry run", "8 dry own-1", want{Next: 1}},

		{"the second twin lost the lock", "8 done own-1, 9 lock own-1", want{Last: 8, Own: 8, Good: true, Next: 2}},
		{"the first twin lost the lock", "8 lock own-1, 9 done own-1", want{Last: 9, Own: 9, Good: true, Next: 2}},
		{"the second twin was killed, the first is done", "8 done own-1, 9 timeout own-1", want{Last: 9, Own: 9, Good: true, Next: 2}},
		{"the first twin was killed, the second is done", "8 timeout own-1, 9 done own-1", want{Last: 9, Own: 9, Good: true, Next: 2}},
		{"both twins failed", "8 error own-1, 9 error own-1", want{Last: 9, Own: 9, Failed: []int{8, 9}, Attempts: 1, Next: 2}},
		{"one lost the lock to another content", "7 done none, 8 lock own-1", want{Last: 7, Good: true, Next: 1}},
		{"not in the order of ids", "9 lock own-1, 8 done own-1", want{Last: 8, Own: 8, Good: true, Next: 2}},

		{"attempts of two builds failed", "7 done none, 8 error other-1, 9 timeout own-2", want{Last: 9, Own: 9, Failed: []int{8, 9}, Attempts: 2, Next: 3}},
		{"failures before a success do not count", "7 error other-1, 8 done alien-1, 9 cancelled own-2", want{Last: 9, Own: 9, Failed: []int{9}, Attempts: 1, Next: 3}},
		{"failures of another content do not count", "7 error alien-1, 8 error none", want{Last: 8, Next: 1}},
		{"a failure is not made good by an earlier success of the CLI", "7 done none, 8 error none", want{Last: 8, Next: 1}},
		{"back to a content that was done before", "7 done other-1, 8 done alien-1", want{Last: 8, Good: true, Next: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := Judge(Operation{Content: "c0ffee", Configs: "0123456789", Build: "12"}, tasks(t, c.tasks))
			id := func(t *bosh.Task) int {
				if t == nil {
					return 0
				}
				return t.ID
			}
			got := want{id(v.Running), id(v.Holder), id(v.Last), id(v.Own), v.Good, v.Failed, v.Attempts, v.Next}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}

func TestJudge_takesNoRunOutsideOfABuildForAnother(t *testing.T) {
	v := Judge(Operation{Content: "c0ffee", Configs: "0123456789", Build: ByHand}, []bosh.Task{
		{ID: 8, State: bosh.StateError, Description: "create deployment", ContextID: "perpetual-c0ffee0123456789-1-0"},
	})
	if v.Own != nil || v.Next != 2 {
		t.Errorf("own %v, next attempt %d", v.Own, v.Next)
	}
}

func TestOperation_fitsTheContextID(t *testing.T) {
	parts := []string{strings.Repeat("concourse", 30), strings.Repeat("d", 64)}
	op := Identify("9223372036854775807", ConfigsOf([]byte(`{"cloud_config_ids":[1],"runtime_config_ids":[]}`)), parts...)
	if id := op.ContextID(999); len(id) > 64 {
		t.Errorf("%s has %d characters, the director takes 64", id, len(id))
	}
	number, build, same := op.Attempt(op.ContextID(17))
	if number != 17 || build != "9223372036854775807" || !same {
		t.Errorf("attempt %d of build %s, %v", number, build, same)
	}
	if unknown := Identify("", "", parts...); !unknown.Related(op.ContextID(1)) || unknown.Related("perpetual-"+op.Content+"-1-1") || unknown.Related("perpetual-"+op.Configs+op.Content+"-1-1") {
		t.Error("what is related does not go by the content")
	}
	for _, foreign := range []string{"", "perpetual-", "perpetual-" + op.Content, "perpetual-" + op.Content + "-x-1", "5f1c"} {
		if _, _, same := op.Attempt(foreign); same {
			t.Errorf("%q is taken for an attempt", foreign)
		}
	}
}

func TestConfigsOf_goByTheirIDs(t *testing.T) {
	base := ConfigsOf([]byte(`{"cloud_config_ids":[1,2],"runtime_config_ids":[3]}`))
	if len(base) != configDigits {
		t.Errorf("%q has not %d digits", base, configDigits)
	}
	for _, same := range []string{
		`{"runtime_config_ids":[3],"cloud_config_ids":[2,1]}`, "{\"cloud_config_ids\": [1, 2],\n\"runtime_config_ids\": [3]}",
	} {
		if got := ConfigsOf([]byte(same)); got != base {
			t.Errorf("%s is taken for other configs", same)
		}
	}
	seen := map[string]string{base: "the first"}
	for _, other := range []string{
		``, `[1]`, `{"cloud_config_ids":[1],"runtime_config_ids":[2,3]}`, `{"cloud_config_ids":[12],"runtime_config_ids":[3]}`,
		`{"cloud_config_ids":[3],"runtime_config_ids":[1,2]}`, `{"cloud_config_ids":["1","2"]}`,
	} {
		got := ConfigsOf([]byte(other))
		if twin, taken := seen[got]; taken {
			t.Errorf("%s is taken for %s", other, twin)
		}
		seen[got] = other
	}
}
