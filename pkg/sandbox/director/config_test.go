package director_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

// setConfig posts a config; expected is JSON, "" to leave it out.
func setConfig(w *world, content, expected string) reply {
	w.t.Helper()
	body := fmt.Sprintf(`{"type":"runtime","name":"dns","content":%q`, content)
	if expected != "" {
		body += `,"expected_latest_id":` + expected
	}
	return w.do("POST", "/configs", body+"}", "Content-Type", "application/json")
}

type configAnswer struct {
	ID      string
	Content string
	Current bool
}

func TestConfig_isWrittenOnlyOverTheVersionThatIsExpected(t *testing.T) {
	t.Parallel()
	w := start(t, director.Options{})
	first := decoded[configAnswer](w, setConfig(w, "a: 1", `"0"`))
	for _, stale := range []string{`"0"`, `"99"`} {
		r := setConfig(w, "a: 2", stale)
		same(t, "status", r.status, 412)
		want := fmt.Sprintf(`{"latest_id":"%s","expected_latest_id":%s,"description":"Latest Id: '%s' does not match expected latest id"}`, first.ID, stale, first.ID)
		same(t, "body", r.body, want)
	}
	same(t, "writes", w.Count(director.EffectConfig, "runtime/dns"), 1)
	second := decoded[configAnswer](w, setConfig(w, "a: 2", `"`+first.ID+`"`))
	if second.ID == first.ID || !second.Current {
		t.Errorf("second %+v, want a new version", second)
	}
	third := decoded[configAnswer](w, setConfig(w, "a: 3", ""))
	same(t, "writes", w.Count(director.EffectConfig, "runtime/dns"), 3)
	listed := decoded[[]configAnswer](w, w.do("GET", "/configs?type=runtime&name=dns&latest=true", ""))
	same(t, "versions", len(listed), 1)
	same(t, "content", listed[0].Content, "---\na: 3\n") // dumped again, as recorded
	same(t, "id", listed[0].ID, third.ID)
	same(t, "old one", decoded[configAnswer](w, w.do("GET", "/configs/"+first.ID, "")).Current, false)
}

func TestConfig_withTheSameContentIsNoNewVersion(t *testing.T) {
	t.Parallel()
	w := start(t, director.Options{})
	first := decoded[configAnswer](w, setConfig(w, "a: 1", ""))
	again := setConfig(w, "a: 1", "")
	same(t, "status", again.status, 201)
	same(t, "id", decoded[configAnswer](w, again).ID, first.ID)
	same(t, "writes", w.Count(director.EffectConfig, ""), 1)
}

func TestConfig_thatIsDeletedIsGoneForTheNextWriter(t *testing.T) {
	t.Parallel()
	w := start(t, director.Options{})
	setConfig(w, "a: 1", "")
	same(t, "status", w.do("DELETE", "/configs?type=runtime&name=dns", "").status, 204)
	same(t, "status again", w.do("DELETE", "/configs?type=runtime&name=dns", "").status, 404)
	same(t, "listed", w.do("GET", "/configs?latest=true", "").body, "[]")
	same(t, "status of the next", setConfig(w, "a: 1", `"0"`).status, 201)
}

func TestConfig_keepsItsHistory(t *testing.T) {
	t.Parallel()
	w := start(t, director.Options{})
	var ids []string
	for n := range 3 {
		ids = append(ids, decoded[configAnswer](w, setConfig(w, fmt.Sprintf("a: %d", n), "")).ID)
	}
	same(t, "status", w.do("POST", "/configs", `{"type":"runtime","name":"default","content":"b: 1"}`, "Content-Type", "application/json").status, 201)
	history := func(query string) (list []string) {
		for _, c := range decoded[[]configAnswer](w, w.do("GET", "/configs?type=runtime"+query, "")) {
			list = append(list, c.ID)
		}
		return list
	}
	sameList(t, "all, the default first", history("&limit=10"), "4", ids[2], ids[1], ids[0])
	sameList(t, "two of each", history("&limit=2"), "4", ids[2], ids[1])
	sameList(t, "one name", history("&name=dns&limit=2"), ids[2], ids[1])
	same(t, "status of deleting the newest", w.do("DELETE", "/configs/"+ids[2], "").status, 204)
	same(t, "status of deleting it again", w.do("DELETE", "/configs/"+ids[2], "").status, 404)
	sameList(t, "current", history("&name=dns"), ids[1])
	for query, said := range map[string]string{"limit=x": "'limit' must be a number", "limit=0": "'limit' must be larger than zero", "latest=x": "'latest' must be 'true' or 'false'"} {
		same(t, query, w.do("GET", "/configs?"+query, "").body, `{"code":440010,"description":"`+said+`"}`)
	}
}

// Both have compared before one of them writes, as was seen on a real director.
func TestConfig_comparesAndWritesNotAtOnce(t *testing.T) {
	t.Parallel()
	var both sync.WaitGroup
	both.Add(2)
	w := start(t, director.Options{StoreConfig: func(string, string) {
		both.Done()
		both.Wait()
	}})
	statuses := make(chan int, 2)
	for n := range 2 {
		go func() { statuses <- setConfig(w, fmt.Sprintf("a: %d", n), `"0"`).status }()
	}
	same(t, "one", <-statuses, 201)
	same(t, "the other", <-statuses, 201)
	same(t, "writes", w.Count(director.EffectConfig, ""), 2)
}
