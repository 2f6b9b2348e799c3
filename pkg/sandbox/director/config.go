package director

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/document"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
)

// config is a version of a named configuration; the newest of a type and name is current.
type config struct {
	id                  int
	kind, name, content string // "cloud", "default"
	team                string // whose admins may change it; "" for the director's
	parsed              document.Mapping
	created             time.Time
	deleted             bool
}

// configView is a config as JSON.
type configView struct {
	Content   string  `json:"content"`
	ID        string  `json:"id"`   // "1", opaque to clients
	Type      string  `json:"type"` // "cloud"
	Name      string  `json:"name"` // "default"
	Team      *string `json:"team"`
	CreatedAt string  `json:"created_at"` // "2026-11-21 09:40:37 UTC"
	Current   bool    `json:"current"`
}

// configs is the director's table of configurations.
type configs struct {
	*store.Store
	stored func(kind, name string) // Options.StoreConfig; nil does nothing
	rows   []*config
}

// newConfigs makes an empty table.
func newConfigs(s *store.Store, stored func(kind, name string)) *configs {
	return &configs{Store: s, stored: stored}
}

func (t *configs) view(c *config) configView {
	view := configView{
		Content: c.content, ID: strconv.Itoa(c.id), Type: c.kind, Name: c.name,
		CreatedAt: stamp(c.created), Current: t.current(c.kind, c.name) == c,
	}
	if c.team != "" {
		view.Team = &c.team
	}
	return view
}

// teams are those of a config: one or none.
func (c *config) teams() []string {
	if c.team == "" {
		return nil
	}
	return []string{c.team}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// find lists configs, the newest of each type and name first, at most
// limit of each. Empty selectors match all. The caller holds the lock.
func (t *configs) find(kind, name string, limit int) []*config {
	found := []*config{}
	seen := map[[2]string]int{}
	for _, c := range slices.Backward(t.rows) {
		key := [2]string{c.kind, c.name}
		if c.deleted || (kind != "" && kind != c.kind) || (name != "" && name != c.name) || seen[key] >= limit {
			continue
		}
		seen[key]++
		found = append(found, c)
	}
	slices.SortStableFunc(found, func(a, b *config) int {
		return cmp.Or(strings.Compare(a.kind, b.kind), cmp.Compare(rank(a.name), rank(b.name)), strings.Compare(a.name, b.name))
	})
	return found
}

// rank puts the name "default" before all others.
func rank(name string) int {
	if name == "default" {
		return 0
	}
	return 1
}

// current is the newest of a type and name, nil if there is none. The caller holds the lock.
func (t *configs) current(kind, name string) *config {
	if found := t.find(kind, name, 1); len(found) > 0 {
		return found[0]
	}
	return nil
}

// save makes a new version unless the content is the current one. The caller holds the lock.
func (t *configs) save(kind, name, content string, parsed document.Mapping) (c *config, created bool) {
	return t.saveOver(t.current(kind, name), kind, name, content, parsed)
}

// saveOver makes a new version unless the content is that of current, the
// version that was the current one when it was looked for. The caller holds the lock.
func (t *configs) saveOver(current *config, kind, name, content string, parsed document.Mapping) (c *config, created bool) {
	if kind == "runtime" { // the director makes versions of releases strings, and writes the text again for that
		content = document.Dump(parsed)
	}
	if current != nil && current.content == content {
		return current, false
	}
	c = &config{id: t.Next("config"), kind: kind, name: name, content: content, parsed: parsed, created: t.Now()}
	t.rows = append(t.rows, c)
	return c, true
}

// seed writes the default cloud config. It fails if that is not a YAML mapping. The caller
// holds the lock.
func (t *configs) seed(cloud string) error {
	parsed, f := parseContent(cloud)
	if f != nil {
		return fmt.Errorf("read cloud config: %w", f)
	}
	t.save("cloud", "default", cloud, parsed)
	return nil
}

// configRequest is the body of POST /configs and /configs/diff.
type configRequest struct {
	Type     *string         `json:"type"`
	Name     *string         `json:"name"`
	Content  *string         `json:"content"`
	Expected json.RawMessage `json:"expected_latest_id"` // "2"; absent: any
	From     *configSide     `json:"from"`
	To       *configSide     `json:"to"`
}

// configSide is one side of a diff, by id or by content.
type configSide struct {
	ID      *string `json:"id"`
	Content *string `json:"content"`
}

func parseContent(content string) (document.Mapping, *api.Failure) {
	v, err := document.Parse([]byte(content))
	if err != nil {
		return nil, api.NewFailure(440011, "Config must be valid YAML: %s", document.Psych(err))
	}
	m, ok := v.(document.Mapping)
	if !ok {
		return nil, api.NewFailure(440011, "YAML hash expected")
	}
	return m, nil
}

// readConfigRequest reads a body; after a failure the answer is written.
func readConfigRequest(c *api.Call) (*configRequest, bool) {
	body, ok := c.ReadBody()
	if !ok {
		return nil, false
	}
	var request configRequest
	if err := json.Unmarshal(body, &request); err != nil {
		c.Fail(http.StatusBadRequest, api.NewFailure(710001, "Invalid JSON request body: unexpected token at '%s'", body))
		return nil, false
	}
	return &request, true
}

// named says what is missing for a request that names its config.
func (r *configRequest) named() *api.Failure {
	for _, f := range []struct {
		key   string
		value *string
	}{{"type", r.Type}, {"name", r.Name}} {
		if f.value == nil || *f.value == "" {
			return api.NewFailure(440010, "'%s' is required", f.key)
		}
	}
	return nil
}

// byIDs are the versions of those ids. The caller holds the lock.
func (t *configs) byIDs(ids []int) []*config {
	found := []*config{}
	for _, c := range t.rows {
		if slices.Contains(ids, c.id) {
			found = append(found, c)
		}
	}
	return found
}
