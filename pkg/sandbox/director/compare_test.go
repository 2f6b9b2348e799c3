package director_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

// comparison is one recorded answer beside the one that was given.
type comparison struct {
	*player
	e        exchange
	got      reply
	recorded int // the recorded id of the task that the path names
	problems []string
}

func (c *comparison) wrong(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

func clientOf(f files) *http.Client { return &http.Client{Transport: f} }

// volatile are values that differ from run to run; of them only the kind is compared.
var volatile = []string{
	"time", "timestamp", "started_at", "timeout", "created_at", "vm_created_at",
	"cid", "vm_cid", "agent_id", "kb", "secs", "blobstore_id",
}

var (
	anyUUID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	inUse   = regexp.MustCompile(`(still in use by: )(.*)$`)
	place   = regexp.MustCompile(` (while parsing .*)?at line \d+ column \d+>?$`)
	jsonAt  = regexp.MustCompile(`(Invalid JSON request body: )(\d+: )?`)
	trace   = regexp.MustCompile(`(?s)(Unable to diff manifest: [^\n]*\n).*`)
)

// plain takes out of a text what differs from run to run.
func plain(text string) string {
	text = anyUUID.ReplaceAllString(text, "<uuid>")
	text = inUse.ReplaceAllStringFunc(text, func(s string) string { // the database gives any order
		m := inUse.FindStringSubmatch(s)
		names := strings.Split(m[2], ", ")
		slices.Sort(names)
		return m[1] + strings.Join(names, ", ")
	})
	text = place.ReplaceAllString(text, "") // the parsers agree on what, not on where
	text = jsonAt.ReplaceAllString(text, "$1")
	return trace.ReplaceAllString(text, "$1")
}

// recordedTasks are the tasks that a recorded answer shows.
func recordedTasks(e exchange) []director.Task {
	if !strings.HasPrefix(e.target, "/tasks") || strings.Contains(e.target, "/output") || e.status != 200 {
		return nil
	}
	var one director.Task
	var all []director.Task
	if json.Unmarshal([]byte(e.reply), &all) != nil && json.Unmarshal([]byte(e.reply), &one) == nil {
		all = []director.Task{one}
	}
	return all
}

func (c *comparison) run() {
	for _, t := range recordedTasks(c.e) {
		c.last[t.ID] = t.State
	}
	if c.got.status != c.e.status {
		c.wrong("status %d, want %d; body %.300s", c.got.status, c.e.status, c.got.body)
		return
	}
	for _, name := range []string{"Content-Type", "Www-Authenticate", "X-Content-Type-Options", "X-Frame-Options", "X-Xss-Protection"} {
		if got, want := c.got.header.Get(name), c.e.answer.Get(name); got != want {
			c.wrong("%s: %q, want %q", name, got, want)
		}
	}
	c.location()
	if strings.Contains(c.e.target, "/output") {
		c.output()
		return
	}
	c.body(c.e.reply, c.got.body)
}

// location notes which of our tasks stands for the recorded one.
func (c *comparison) location() {
	want := c.e.answer.Get("Location")
	got, err := url.Parse(c.got.header.Get("Location"))
	if want == "" || err != nil {
		if got.String() != want {
			c.wrong("Location %q, want %q", got, want)
		}
		return
	}
	recorded, _ := strconv.Atoi(want[strings.LastIndex(want, "/")+1:])
	id, err := strconv.Atoi(strings.TrimPrefix(got.Path, "/tasks/"))
	if err != nil || got.Scheme != "https" || "https://"+got.Host != c.server.URL {
		c.wrong("Location %q, want one like %q", got, want)
	}
	c.ids[recorded] = id
}

// output compares logs line by line. Where the recorded task was not at its
// end, what was recorded must be the beginning of what there is now.
func (c *comparison) output() {
	ended := c.recorded == 0 || finalState(c.last[c.recorded])
	want, got := c.lines(c.e.reply), c.lines(c.got.body)
	if !ended && len(got) > len(want) {
		got = got[:len(want)]
	}
	for i := range max(len(want), len(got)) {
		switch {
		case i >= len(want):
			c.wrong("line %d too many: %s", i, got[i])
		case i >= len(got):
			c.wrong("line %d is missing: %s", i, want[i])
		case !strings.HasPrefix(want[i], "{") || !strings.HasSuffix(want[i], "}"): // a range cut it
			if strings.HasPrefix(want[i], `{"time"`) {
				want[i], got[i] = want[i][20:], got[i][20:]
			}
			if plain(c.ours(want[i])) != plain(got[i]) {
				c.wrong("line %d: %s\nwant %s", i, got[i], want[i])
			}
		default:
			c.body(want[i], got[i])
		}
	}
	var a, b, size, x, y, total int
	if n, _ := fmt.Sscanf(c.e.answer.Get("Content-Range"), "bytes %d-%d/%d", &a, &b, &size); n == 3 {
		_, _ = fmt.Sscanf(c.got.header.Get("Content-Range"), "bytes %d-%d/%d", &x, &y, &total)
		if strings.Contains(c.e.reply, "dummy_cpi.rb") { // its paths were replaced after the recording
			return
		}
		same := a == x && (b == y && size == total || !ended && total >= size)
		if !same && c.settles { // with other ids of tasks the sizes differ
			c.wrong("Content-Range %s, want %s", c.got.header.Get("Content-Range"), c.e.answer.Get("Content-Range"))
		}
	} else if c.got.header.Get("Content-Range") != c.e.answer.Get("Content-Range") {
		c.wrong("Content-Range %q, want %q", c.got.header.Get("Content-Range"), c.e.answer.Get("Content-Range"))
	}
}

func (c *comparison) lines(text string) []string {
	return slices.DeleteFunc(strings.Split(text, "\n"), func(s string) bool { return s == "" })
}

func (c *comparison) body(want, got string) {
	var w, g any
	if !strings.HasPrefix(want, "{") && !strings.HasPrefix(want, "[") || json.Unmarshal([]byte(want), &w) != nil {
		if plain(strings.TrimRight(c.ours(want), "\n")) != plain(strings.TrimRight(got, "\n")) {
			c.wrong("body %q, want %q", got, want)
		}
		return
	}
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		c.wrong("body is not JSON: %v: %.200s", err, got)
		return
	}
	if strings.HasPrefix(c.e.target, "/events") {
		c.shape(w, g)
		return
	}
	if order(want) != order(got) && !strings.HasPrefix(c.e.target, "/tasks") {
		c.wrong("order of keys %s, want %s", order(got), order(want))
	}
	c.value("", w, g)
}

// order lists the keys of the outermost object in a text, in the order written.
func order(text string) string {
	d := json.NewDecoder(strings.NewReader(text))
	var keys []string
	depth, key := 0, true
	for {
		token, err := d.Token()
		if err != nil {
			return strings.Join(keys, ",")
		}
		switch v := token.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				if depth == 0 && v == '[' {
					return ""
				}
				depth++
			} else {
				depth--
			}
			key = true
		case string:
			if depth == 1 && key {
				keys = append(keys, v)
				key = false
				continue
			}
			key = true
		default:
			key = true
		}
	}
}

// value compares JSON by value, and volatile values by kind.
func (c *comparison) value(path string, want, got any) {
	name := path[strings.LastIndex(path, ".")+1:]
	if slices.Contains(volatile, name) || path == ".logs.sha1" {
		if c.moment() {
			return
		}
		if reflect.TypeOf(want) != reflect.TypeOf(got) {
			c.wrong("%s is %v, want one like %v", path, got, want)
		}
		return
	}
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || !slices.Equal(slices.Sorted(maps.Keys(w)), slices.Sorted(maps.Keys(g))) {
			c.wrong("%s is %v, want %v", path, got, want)
			return
		}
		if _, isTask := w["started_at"]; isTask && !finalState(fmt.Sprint(w["state"])) && c.moment() {
			return
		}
		for key := range w {
			c.value(path+"."+key, w[key], g[key])
		}
	case []any:
		g, ok := got.([]any)
		if ok && name == "processes" && len(g) > 0 { // the recorded agent made up three
			c.value(path+"[].mem", w[0].(map[string]any)["mem"], g[0].(map[string]any)["mem"])
			c.value(path+"[].cpu", w[0].(map[string]any)["cpu"], g[0].(map[string]any)["cpu"])
			return
		}
		if !ok || len(w) != len(g) {
			c.wrong("%s is %v, want %v", path, got, want)
			return
		}
		if name == "deployments" || strings.Contains(c.e.target, "context_id") { // the database gives any order
			byText := func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
			slices.SortFunc(w, byText)
			slices.SortFunc(g, byText)
		}
		for i := range w {
			c.value(fmt.Sprintf("%s[%d]", path, i), w[i], g[i])
		}
	default:
		c.scalar(path, name, want, got)
	}
}

func (c *comparison) scalar(path, name string, want, got any) {
	if text, ok := want.(string); ok {
		want = plain(c.swap.Replace(c.ours(text)))
		if name == "task_id" {
			if n, err := strconv.Atoi(text); err == nil && c.ids[n] != 0 {
				want = strconv.Itoa(c.ids[n])
			}
		}
		if text, ok := got.(string); ok {
			got = plain(text)
		}
	}
	if n, ok := want.(float64); ok && name == "id" && c.ids[int(n)] != 0 && strings.HasPrefix(c.e.target, "/tasks") {
		want = float64(c.ids[int(n)])
	}
	if want != got {
		c.wrong("%s is %v, want %v", path, got, want)
	}
}

// moment says that an answer depends on the moment: a task that was not at
// its end, unless the replay holds it there.
func (c *comparison) moment() bool {
	if !strings.HasPrefix(c.e.target, "/tasks") || strings.Contains(c.e.target, "/output") {
		return false
	}
	for _, t := range recordedTasks(c.e) {
		if t.State != director.StateCancelling && !finalState(t.State) && !(c.held[t.ID] && c.settles) {
			return true
		}
	}
	return false
}

// shape compares two lists of objects by the keys that occur and the kinds of their values.
func (c *comparison) shape(want, got any) {
	kinds := func(v any) map[string]string {
		found := map[string]string{}
		list, _ := v.([]any)
		for _, e := range list {
			object, _ := e.(map[string]any)
			for key, value := range object {
				found[key] = fmt.Sprintf("%T", value)
			}
			found["* "+fmt.Sprint(object["action"], object["object_type"])] = "seen"
		}
		return found
	}
	w, g := kinds(want), kinds(got)
	for key, kind := range w {
		if g[key] != kind {
			c.wrong("%s is %q, want %q", key, g[key], kind)
		}
	}
}
