package state_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/state/statetest"
)

var started = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

// operation is the nth operation of a deployment.
func operation(deployment string, n int) state.Operation {
	return state.Operation{
		ID: fmt.Sprintf("%s-%d", deployment, n), Deployment: deployment, Digest: "sha256:1c0ffee",
		Components: map[string]string{"concourse": "8.2.5"}, Attempt: 1, Started: started.Add(time.Duration(n) * time.Hour),
	}
}

func TestJournal_remembersAnOperationForTheNextRun(t *testing.T) {
	store := &statetest.View{Memory: statetest.NewMemory()}
	journal := state.NewJournal(store)
	op := operation("concourse", 1)
	record, err := journal.Begin(t.Context(), op)
	if err != nil || len(record.Entries) != 0 || store.Writes() != 1 {
		t.Fatalf("begun: %+v, %v, %d writes", record, err, store.Writes())
	}
	entries := []state.Entry{
		{At: started, Step: "deploy", Status: state.Begun},
		{At: started.Add(time.Second), Step: "deploy", Status: state.Done, Task: 42, Note: "accepted"},
	}
	for _, entry := range entries {
		if err := journal.Record(t.Context(), op.ID, entry); err != nil {
			t.Fatal(err)
		}
	}
	again := op
	again.Started = started.Add(24 * time.Hour) // a later run of the same identity
	record, err = state.NewJournal(store).Begin(t.Context(), again)
	if diff := cmp.Diff(state.Record{Operation: op, Entries: entries}, record); err != nil || diff != "" {
		t.Errorf("the next run sees: %v\n%s", err, diff)
	}
	if last := record.Last("deploy"); last.Task != 42 || record.Last("verify") != (state.Entry{}) {
		t.Errorf("last entries %+v, %+v", last, record.Last("verify"))
	}
	if read, err := journal.Read(t.Context(), op.ID); err != nil || cmp.Diff(record, read) != "" {
		t.Errorf("read %+v, %v", read, err)
	}
	again.Digest = "sha256:other"
	if _, err := journal.Begin(t.Context(), again); err == nil || !strings.Contains(err.Error(), "another operation") {
		t.Errorf("another digest under that id: %v", err)
	}
}

func TestJournal_writesTimesOfTheStore(t *testing.T) {
	store := &statetest.View{Memory: statetest.NewMemory()}
	store.Jump(-24 * time.Hour)
	journal := state.NewJournal(store)
	op := operation("concourse", 1)
	op.Started = time.Time{}
	record, err := journal.Begin(t.Context(), op)
	if err != nil {
		t.Fatal(err)
	}
	if err := journal.Record(t.Context(), op.ID, state.Entry{Step: "deploy", Status: state.Begun}); err != nil {
		t.Fatal(err)
	}
	read, err := journal.Read(t.Context(), op.ID)
	if err != nil {
		t.Fatal(err)
	}
	now, err := store.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Time{record.Operation.Started, read.Operation.Started, read.Entries[0].At} {
		if d := now.Sub(at); d < 0 || d > time.Minute {
			t.Errorf("time %s is %s before the store's", at, d)
		}
	}
}

func TestJournal_losesNoEntryOfConcurrentRuns(t *testing.T) {
	dir, err := state.NewDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	journal := state.NewJournal(dir)
	op := operation("concourse", 1)
	var group sync.WaitGroup
	for n := range 8 {
		group.Go(func() {
			if _, err := journal.Begin(t.Context(), op); err != nil {
				t.Error(err)
			}
			entry := state.Entry{At: started, Step: fmt.Sprint(n), Status: state.Begun}
			if err := journal.Record(t.Context(), op.ID, entry); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	record, err := journal.Read(t.Context(), op.ID)
	if err != nil || len(record.Entries) != 8 {
		t.Errorf("%d entries, %v", len(record.Entries), err)
	}
}

func TestJournal_listsAndPrunes(t *testing.T) {
	store := &statetest.View{Memory: statetest.NewMemory()}
	journal := state.NewJournal(store)
	for _, n := range []int{3, 1, 5, 2, 4} {
		for _, deployment := range []string{"concourse", "other"} {
			if _, err := journal.Begin(t.Context(), operation(deployment, n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := store.Put(t.Context(), "journal/notes.txt", []byte("not ours"), ""); err != nil {
		t.Fatal(err)
	}
	ids := func(deployment string, n int) string {
		records, err := journal.Latest(t.Context(), deployment, n)
		if err != nil {
			t.Fatal(err)
		}
		out := []string{}
		for _, r := range records {
			out = append(out, r.Operation.ID)
		}
		return strings.Join(out, " ")
	}
	if got := ids("concourse", 2); got != "concourse-5 concourse-4" {
		t.Errorf("latest %q", got)
	}
	if got := ids("", 100); strings.Count(got, "-") != 10 {
		t.Errorf("all %q", got)
	}
	if n, err := journal.Prune(t.Context(), "concourse", 2); n != 3 || err != nil {
		t.Errorf("pruned %d, %v", n, err)
	}
	if got := ids("concourse", 9) + " " + ids("other", 9); got != "concourse-5 concourse-4 other-5 other-4 other-3 other-2 other-1" {
		t.Errorf("left %q", got)
	}
	if n, err := journal.Prune(t.Context(), "", 1); n != 5 || err != nil {
		t.Errorf("pruned %d, %v", n, err)
	}
	if got := ids("", 9); got != "concourse-5 other-5" {
		t.Errorf("left %q", got)
	}
}

// An operation is pruned by the name of its document: who can write one has none of the
// others deleted by an id that it gives itself.
func TestJournal_prunesNoOperationThatAnotherDocumentNames(t *testing.T) {
	store := &statetest.View{Memory: statetest.NewMemory()}
	journal := state.NewJournal(store)
	for _, n := range []int{1, 2, 3} {
		if _, err := journal.Begin(t.Context(), operation("concourse", n)); err != nil {
			t.Fatal(err)
		}
	}
	for name, id := range map[string]string{"planted": "concourse-3", "climbs": "../leases/installation"} {
		body := `{"schema": 1, "operation": {"id": "` + id + `", "deployment": "concourse", "started": "2020-01-01T00:00:00Z"}, "entries": []}`
		if _, err := store.Put(t.Context(), "journal/"+name+".json", []byte(body), ""); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := journal.Prune(t.Context(), "concourse", 2); n != 3 || err != nil {
		t.Errorf("pruned %d, %v, want 3", n, err)
	}
	left, err := store.List(t.Context(), "")
	if diff := cmp.Diff([]string{"journal/concourse-2.json", "journal/concourse-3.json"}, left); err != nil || diff != "" {
		t.Errorf("left (-want +got): %v\n%s", err, diff)
	}
}

func TestJournal_refusesWhatCouldNotBeFoundAgain(t *testing.T) {
	store := &statetest.View{Memory: statetest.NewMemory()}
	journal := state.NewJournal(store)
	for name, op := range map[string]state.Operation{
		"no id": {Deployment: "d"}, "a path": {ID: "a/b", Deployment: "d"}, "long": {ID: strings.Repeat("x", 65), Deployment: "d"},
		"no deployment": {ID: "a"}, "climbs": {ID: "..", Deployment: "d"},
	} {
		if _, err := journal.Begin(t.Context(), op); err == nil {
			t.Errorf("%s: begun", name)
		}
	}
	if err := journal.Record(t.Context(), "absent", state.Entry{Step: "s", Status: state.Done}); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("an entry of nothing: %v", err)
	}
	op := operation("concourse", 1)
	if _, err := journal.Begin(t.Context(), op); err != nil {
		t.Fatal(err)
	}
	for _, entry := range []state.Entry{{Status: state.Done}, {Step: "s"}, {Step: "s", Status: "perhaps"}} {
		if err := journal.Record(t.Context(), op.ID, entry); err == nil {
			t.Errorf("%+v was recorded", entry)
		}
	}
	long := strings.Repeat("ä", 400) + "\nsecond line"
	if err := journal.Record(t.Context(), op.ID, state.Entry{Step: "s", Status: state.Failed, Note: long}); err != nil {
		t.Fatal(err)
	}
	record, err := journal.Read(t.Context(), op.ID)
	if err != nil || store.Writes() != 2 {
		t.Fatalf("%v, %d writes", err, store.Writes())
	}
	if note := record.Entries[0].Note; len(note) > 510 || !strings.HasSuffix(note, "…") || strings.Contains(note, "\n") {
		t.Errorf("note of %d bytes: %q", len(note), note)
	}
}

func TestJournal_leavesDocumentsOfNewerReleasesAlone(t *testing.T) {
	store := &statetest.View{Memory: statetest.NewMemory()}
	if _, err := store.Put(t.Context(), "journal/a.json", []byte(`{"schema": 7}`), ""); err != nil {
		t.Fatal(err)
	}
	journal := state.NewJournal(store)
	_, beginErr := journal.Begin(t.Context(), state.Operation{ID: "a", Deployment: "d"})
	_, readErr := journal.Read(t.Context(), "a")
	_, listErr := journal.Latest(t.Context(), "", 1)
	_, pruneErr := journal.Prune(t.Context(), "", 0)
	recordErr := journal.Record(t.Context(), "a", state.Entry{Step: "s", Status: state.Done})
	for _, err := range []error{beginErr, readErr, listErr, pruneErr, recordErr} {
		var newer *state.NewerError
		if !errors.As(err, &newer) || newer.Schema != 7 || newer.Known != 1 || !strings.Contains(err.Error(), "written by a newer Perpetual") {
			t.Errorf("error %v", err)
		}
	}
	if found, err := store.Get(t.Context(), "journal/a.json"); err != nil || string(found.Body) != `{"schema": 7}` {
		t.Errorf("now %q, %v", found.Body, err)
	}
}

func TestFormat_liftsOlderDocuments(t *testing.T) {
	type document struct {
		Name  string `json:"name"`
		Count int    `json:"count"`
	}
	rename := func(fields map[string]json.RawMessage) error {
		fields["name"] = fields["title"]
		delete(fields, "title")
		return nil
	}
	count := func(fields map[string]json.RawMessage) error {
		if fields["name"] == nil {
			return errors.New("it has no name")
		}
		fields["count"] = json.RawMessage("1")
		return nil
	}
	format := state.Format{Kind: "thing", Migrations: []state.Migration{rename, count}}
	for _, body := range []string{`{"schema":1,"title":"x"}`, `{"schema":2,"name":"x"}`, `{"schema":3,"name":"x","count":1}`} {
		var got document
		if err := format.Decode("d", []byte(body), &got); err != nil || got != (document{"x", 1}) {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
	var got document
	for _, body := range []string{`{"schema":2}`, `{"schema":4,"name":"x","count":1}`, `{"schema":3,"name":"x","count":1} trailing`,
		`{"schema":3,"name":"x","count":1}{}`, `{"schema":3,"name":"x","count":1,}`, `{"schema":3,}`, `{"schema":3,,"name":"x"}`, `{"schema":3 "name":"x"}`,
		`{"schema":3,"name":"x","more":1}`, `{"schema":3,"name":"x","schema":4}`, `{"schema":3.5,"name":"x"}`, `{"schema":3,"name":"x"`} {
		if err := format.Decode("d", []byte(body), &got); err == nil {
			t.Errorf("%s was read", body)
		}
	}
	for _, body := range []string{`{"name":"x","count":1,"schema":3}`, `{"name":"x","schema":3,"count":1}`, " {\n\"schema\" : 3 ,\n \"name\": \"x\", \"count\": 1}\n", `{"schema":2,"name":"x","schema":3,"count":1}`} {
		var got document
		if err := format.Decode("d", []byte(body), &got); err != nil || got != (document{"x", 1}) {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
	if _, err := format.Encode([]int{1}); err == nil {
		t.Error("an array was written")
	}
}

func FuzzFormat_decodesOrRefuses(f *testing.F) {
	for _, seed := range []string{`{"schema":1,"operation":{"id":"a"},"entries":[]}`, `{"schema":1}`, `{"schema":"1"}`, `[]`, ``, `{"schema":1,"entries":[{"at":"x"}]}`} {
		f.Add([]byte(seed))
	}
	format := state.Format{Kind: "journal"}
	f.Fuzz(func(t *testing.T, body []byte) {
		var first, second state.Record
		if format.Decode("journal/a.json", body, &first) != nil {
			return
		}
		written, err := format.Encode(first)
		if err != nil {
			t.Skip("times that JSON cannot hold") // an offset of seconds, for instance
		}
		if err := format.Decode("journal/a.json", written, &second); err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		if diff := cmp.Diff(first, second); diff != "" {
			t.Error(diff)
		}
	})
}
