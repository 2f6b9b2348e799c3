package director

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// config is a version of a named configuration; the newest of a type and name is current.
type config struct {
	id                  int
	kind, name, content string // "cloud", "default"
	team                string // whose admins may change it; "" for the director's
	parsed              mapping
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

func (d *Director) viewConfig(c *config) configView {
	view := configView{
		Content: c.content, ID: strconv.Itoa(c.id), Type: c.kind, Name: c.name,
		CreatedAt: stamp(c.created), Current: d.currentConfig(c.kind, c.name) == c,
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

// findConfigs lists configs, the newest of each type and name first, at most
// limit of each. Empty selectors match all. The caller holds mu.
func (d *Director) findConfigs(kind, name string, limit int) []*config {
	found := []*config{}
	seen := map[[2]string]int{}
	for _, c := range slices.Backward(d.configs) {
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

// currentConfig is the newest of a type and name, nil if there is none. The caller holds mu.
func (d *Director) currentConfig(kind, name string) *config {
	if found := d.findConfigs(kind, name, 1); len(found) > 0 {
		return found[0]
	}
	return nil
}

// saveConfig makes a new version unless the content is the current one. The caller holds mu.
func (d *Director) saveConfig(kind, name, content string, parsed mapping) (c *config, created bool) {
	return d.saveConfigOver(d.currentConfig(kind, name), kind, name, content, parsed)
}

// saveConfigOver makes a new version unless the content is that of current, the
// version that was the current one when it was looked for. The caller holds mu.
func (d *Director) saveConfigOver(current *config, kind, name, content string, parsed mapping) (c *config, created bool) {
	if kind == "runtime" { // the director makes versions of releases strings, and writes the text again for that
		content = dump(parsed)
	}
	if current != nil && current.content == content {
		return current, false
	}
	c = &config{id: d.next("config"), kind: kind, name: name, content: content, parsed: parsed, created: d.now()}
	d.configs = append(d.configs, c)
	return c, true
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

func parseContent(content string) (mapping, *Failure) {
	v, err := parseYAML([]byte(content))
	if err != nil {
		return nil, failure(440011, "Config must be valid YAML: %s", psych(err))
	}
	m, ok := v.(mapping)
	if !ok {
		return nil, failure(440011, "YAML hash expected")
	}
	return m, nil
}

// readConfigRequest reads a body; after a failure the answer is written.
func (c *call) readConfigRequest() (*configRequest, bool) {
	body, ok := c.body()
	if !ok {
		return nil, false
	}
	var request configRequest
	if err := json.Unmarshal(body, &request); err != nil {
		c.fail(http.StatusBadRequest, failure(710001, "Invalid JSON request body: unexpected token at '%s'", body))
		return nil, false
	}
	return &request, true
}

// named says what is missing for a request that names its config.
func (r *configRequest) named() *Failure {
	for _, f := range []struct {
		key   string
		value *string
	}{{"type", r.Type}, {"name", r.Name}} {
		if f.value == nil || *f.value == "" {
			return failure(440010, "'%s' is required", f.key)
		}
	}
	return nil
}
