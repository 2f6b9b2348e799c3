package installer_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
	"github.com/perpetual-ci/perpetual/pkg/state/lease"
)

// mark is in every text that the holder of the pipeline's role has written.
const mark = "canary7f3a"

// planted are texts with the mark: what a program would like to fetch, to open, to take
// for an id, and what a terminal would obey.
type planted struct{ url, path, id, shown string }

// led is a place whose state is rewritten by the pipeline, and everything that its
// operator's runs do meanwhile.
type led struct {
	*place
	texts   planted
	called  programs
	turn    int // of the kinds of texts
	opened  int // inotify, on the file of texts.path
	printed []string
}

// newLed starts a site, installs into it, and watches.
func newLed(t *testing.T) *led {
	t.Helper()
	l := &led{place: newPlace(t, site.Options{}, nil)}
	bait := filepath.Join(t.TempDir(), mark)
	write(t, filepath.Dir(bait), map[string]string{mark: "content of the " + mark})
	l.texts = planted{"https://" + mark + ".example.com/cpi.tgz", bait, mark, mark + "\x1b[2J\u202e\u009b31m"}
	var err error
	if l.opened, err = syscall.InotifyInit1(syscall.IN_NONBLOCK | syscall.IN_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(l.opened) })
	if _, err := syscall.InotifyAddWatch(l.opened, bait, syscall.IN_OPEN); err != nil {
		t.Fatal(err)
	}
	l.good(t, "deploy")
	for _, script := range l.scripts() {
		script.Keep()
	}
	l.called = spyOnPrograms(t, l.Env()["PATH"])
	return l
}

// scripts are what has seen the requests to each server.
func (l *led) scripts() map[string]*fault.Script {
	all := maps.Clone(l.Faults)
	for name, script := range l.AWS.Faults {
		all["aws "+name] = script
	}
	return all
}

// rewrite puts other texts into every text of a document, but for those that keep says.
func (l *led) rewrite(t *testing.T, body string, keep func(path string) bool, text string) string {
	t.Helper()
	var whole any
	if err := json.Unmarshal([]byte(body), &whole); err != nil {
		t.Fatal(err)
	}
	var walk func(path string, v any) any
	walk = func(path string, v any) any {
		switch v := v.(type) {
		case map[string]any:
			for key, inner := range v {
				v[key] = walk(path+"."+key, inner)
			}
		case []any:
			for i, inner := range v {
				v[i] = walk(path, inner)
			}
		case string:
			if !keep(path) {
				return text
			}
		}
		return v
	}
	out, err := json.Marshal(walk("", whole))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// Paths of texts that cannot be anything. That they are refused, or asked about, is
// tested elsewhere: TestDeploy_takesNothingFromWhatRunsHaveWritten,
// TestDocuments_takeNoTextThatIsNoID and TestPossessions_ofOthersInTheAccountAreNotTouched.
var (
	sets  = []string{".desired.", ".submitted.", ".applied."}                                // names and versions
	ids   = []string{".cid", ".cids", ".current_vm_cid", ".at"}                              // of the account, and times
	plain = []string{".director_id", ".installation_id", "_id", "_ids", ".id", ".call_file"} // ids of the state's own
)

func isOne(path string, of []string) bool {
	return slices.ContainsFunc(of, func(end string) bool { return strings.HasSuffix(path, end) || strings.HasPrefix(path, end) })
}

// plant rewrites everything below run/ with the key of the pipeline.
func (l *led) plant(t *testing.T) {
	t.Helper()
	store := l.asPipeline(t)
	names, err := store.List(t.Context(), "run/")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		was := l.AWS.Object(bucket, name)
		body := ""
		switch {
		case strings.HasPrefix(name, "run/leases/"):
			continue // below
		case name == "run/credentials.age":
			body = l.texts.shown
		case name == ledger.StateDocument, name == ledger.JournalDocument:
			body = l.rewrite(t, was, func(path string) bool {
				return isOne(path, ids) || isOne(path, plain) || strings.HasSuffix(path, ".outcome") || strings.HasSuffix(path, ".method")
			}, l.texts.shown)
			body = l.rewrite(t, body, func(path string) bool { return !isOne(path, plain) || isOne(path, ids) }, l.texts.id)
		default:
			body = l.rewrite(t, was, func(path string) bool {
				return isOne(path, sets) || isOne(path, ids) || strings.HasSuffix(path, ".started") || strings.HasSuffix(path, ".deployment") || strings.HasSuffix(path, ".status")
			}, l.any(name))
		}
		if err := overwrite(t, store, name, body); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	for name, body := range map[string]string{
		"run/journal/" + mark + ".json": `{"schema": 1, "operation": {"id": "../../operator/` + mark + `", "deployment": "concourse", "digest": "` + mark + `", "attempt": 1, "started": "2020-01-01T00:00:00Z"}, "entries": [{"at": "2020-01-01T00:00:00Z", "step": "` + mark + `", "status": "begun", "task": 1, "note": "` + l.texts.url + `"}]}`,
		"run/paused/" + mark + ".json":  `{"pipeline": "` + mark + `"}`,
		"run/" + mark + ".json":         `{"url": "` + l.texts.url + `"}`,
		"run/credentials.age":           mark,
	} {
		if l.AWS.Object(bucket, name) == "" {
			if _, err := store.Put(t.Context(), name, []byte(body), ""); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	for _, name := range document.Names()[:3] {
		if err := overwrite(t, store, name, mark); err == nil {
			t.Errorf("the pipeline has written %s", name)
		}
	}
}

// any is a text for a document: each gets another kind, and another one each time.
func (l *led) any(name string) string {
	list := []string{l.texts.url, l.texts.path, l.texts.shown}
	return list[(len(name)+l.turn)%len(list)]
}

// does runs a verb after everything was rewritten.
func (l *led) does(t *testing.T, code int, args ...string) {
	t.Helper()
	l.plant(t)
	l.turn++
	for _, script := range l.scripts() {
		script.Forget()
	}
	q := run(t, l.dir, append(l.env(), "PATH="+l.called.path), args...)
	if q.code != code {
		t.Fatalf("%v: exit code %d, want %d\n%s%s", args, q.code, code, q.stdout, q.stderr)
	}
	what := strings.Join(args, " ")
	l.checkRequests(t, what)
	for _, file := range []string{l.called.arguments, l.called.environment} {
		text, _ := os.ReadFile(file)
		if at := strings.Index(string(text), mark); at >= 0 {
			t.Errorf("%s: a program is called with …%.200s…", what, text[max(0, at-100):])
		}
	}
	if n, _ := syscall.Read(l.opened, make([]byte, 4096)); n > 0 {
		t.Errorf("%s: %s was opened", what, l.texts.path)
	}
	for _, bad := range []string{"\x1b", "\u202e", "\u009b", "content of the " + mark} {
		if text := q.stdout + q.stderr; strings.Contains(text, bad) {
			t.Errorf("%s prints %q:\n%q", what, bad, text)
		}
	}
	l.printed = append(l.printed, q.stdout+q.stderr)
}

// anonymous takes out the id that create-env has given to itself: CPI and agent are told
// it, and make nothing of it.
var anonymous = strings.NewReplacer(`"director_uuid":"`+mark+`"`, "", `"reply_to":"`+mark+`"`, "")

// checkRequests wants the mark in no request, but for the documents below run/ themselves.
func (l *led) checkRequests(t *testing.T, what string) {
	t.Helper()
	count := 0
	for server, script := range l.scripts() {
		for _, r := range script.Seen() {
			count++
			own := server == "aws s3" && (strings.HasPrefix(r.URL, "/"+bucket+"/run/") || r.Method == "POST" && strings.Contains(r.URL, "?delete"))
			text := r.Method + " " + r.URL + " " + fmt.Sprint(r.Header) + " " + anonymous.Replace(r.Body)
			if at := strings.Index(text, mark); at >= 0 && !own {
				t.Errorf("%s: %s is asked %s %s: …%.300s…", what, server, r.Method, r.URL, text[max(0, at-100):])
			}
		}
	}
	if count == 0 {
		t.Errorf("%s: no request was seen", what)
	}
}

// What whoever holds the pipeline's role writes below run/ is executed, opened and sent
// nowhere by an operator's runs, and what is shown of it is plain text.
func TestState_ofThePipelineLeadsNowhere(t *testing.T) {
	t.Parallel()
	l := newLed(t)
	l.does(t, 0, "status")
	l.does(t, 0, "info")
	l.does(t, 2, "plan")
	lease, err := lease.Acquire(t.Context(), l.asPipeline(t), "run/leases/installation", lease.Holder{Purpose: l.texts.shown, Host: l.texts.url}, lease.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l.does(t, 1, "deploy") // waits for nobody
	if err := lease.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.does(t, 0, "deploy")
	l.does(t, 0, "deploy", "--recreate")
	if !strings.Contains(strings.Join(l.printed, "\n"), mark) {
		t.Error("nothing of it was shown: the runs have not read it")
	}
	if calls, _ := os.ReadFile(l.called.arguments); !strings.Contains(string(calls), "ruby ") {
		t.Errorf("no call of ruby was seen: %s", calls)
	}
	for _, name := range document.Names()[:3] {
		if strings.Contains(l.document(t, name), mark) {
			t.Errorf("%s has taken it", name)
		}
	}
	for name, parameter := range l.AWS.Parameters() {
		if strings.Contains(name+parameter.Value, mark) {
			t.Errorf("parameter %s has taken it", name)
		}
	}
	if config, there := l.Concourse.PipelineConfig(world.OwnTeam, "self-upgrade"); !there || strings.Contains(fmt.Sprint(config), mark) {
		t.Errorf("the pipeline (%t) has taken it: %s", there, config)
	}
	l.does(t, 0, "destroy", "--yes-destroy", site.Name)
	if left := l.everything(); left.VMs+left.Disks != 0 || left.Stack != "" {
		t.Errorf("after destroy there is %+v", left)
	}
}
