package config

import (
	"net/http"
	"strconv"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/document"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
)

// oldConfigView is a config as the routes of one type give it.
type oldConfigView struct {
	Properties string `json:"properties"` // the YAML text
	CreatedAt  string `json:"created_at"` // "2026-11-21 09:40:37 UTC"
}

// oldName is the name that those routes mean.
func oldName(c *api.Call) string {
	if name := c.Query.Get("name"); name != "" {
		return name
	}
	return "default"
}

func (t *Table) listOldConfigs(c *api.Call, kind string) {
	limit, err := strconv.Atoi(c.Query.Get("limit"))
	if err != nil {
		c.Empty(http.StatusBadRequest)
		return
	}
	t.Lock()
	defer t.Unlock()
	views := []oldConfigView{}
	for _, found := range t.Find(kind, oldName(c), limit) {
		views = append(views, oldConfigView{found.content, stamp(found.created)})
	}
	c.List(views)
}

// readOldConfig reads a YAML body; after a failure the answer is written.
func readOldConfig(c *api.Call) (string, document.Mapping, bool) {
	text, doc, f := c.ReadYAML()
	if f != nil {
		c.Fail(http.StatusBadRequest, f)
		return "", nil, false
	}
	return text, doc, true
}

func (t *Table) postOldConfig(c *api.Call, kind string) {
	text, document, ok := readOldConfig(c)
	if !ok {
		return
	}
	t.Lock()
	defer t.Unlock()
	saved, created := t.save(kind, oldName(c), text, document)
	if created {
		t.written(c, saved, store.Event{Action: "update", ObjectType: kind + "-config"})
	}
	c.HTML(http.StatusCreated, "")
}

func (t *Table) diffOldConfig(c *api.Call, kind string) {
	_, after, ok := readOldConfig(c)
	if !ok {
		return
	}
	t.Lock()
	defer t.Unlock()
	var before document.Mapping
	if current := t.current(kind, oldName(c)); current != nil {
		before = current.Parsed
	}
	c.List(map[string]any{"diff": document.Diff(before, after, true)})
}
