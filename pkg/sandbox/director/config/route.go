package config

import (
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/document"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
)

// Routes are those of configs, and of cloud, runtime and CPI configs by themselves.
func (t *Table) Routes() []api.Route {
	routes := []api.Route{
		{Method: "GET", Path: "/configs", Needs: api.NeedsConfigList, Handle: t.list},
		{Method: "GET", Path: "/configs/:id", Needs: api.NeedsRead, Handle: t.show},
		{Method: "POST", Path: "/configs", Needs: api.NeedsTeam, Consumes: api.ConsumesJSON, Handle: t.post},
		{Method: "POST", Path: "/configs/diff", Needs: api.NeedsConfigList, Consumes: api.ConsumesJSON, Handle: t.compare},
		{Method: "DELETE", Path: "/configs", Needs: api.NeedsTeam, Handle: t.remove},
		{Method: "DELETE", Path: "/configs/:id", Needs: api.NeedsTeam, Handle: t.removeByID},
	}
	for _, kind := range []string{"cloud", "runtime", "cpi"} {
		path := "/" + kind + "_configs"
		routes = append(routes,
			api.Route{Method: "GET", Path: path, Needs: api.NeedsRead, Handle: func(c *api.Call) { t.listOldConfigs(c, kind) }},
			api.Route{Method: "POST", Path: path, Consumes: api.ConsumesYAML, Handle: func(c *api.Call) { t.postOldConfig(c, kind) }},
			api.Route{Method: "POST", Path: path + "/diff", Consumes: api.ConsumesYAML, Handle: func(c *api.Call) { t.diffOldConfig(c, kind) }},
		)
	}
	return routes
}

func (t *Table) list(c *api.Call) {
	limit := 1
	if c.Query.Get("latest") == "false" {
		limit = math.MaxInt
	}
	if text := c.Query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			c.Fail(http.StatusBadRequest, api.NewFailure(440010, "'limit' must be a number"))
			return
		}
		if n < 1 {
			c.Fail(http.StatusBadRequest, api.NewFailure(440010, "'limit' must be larger than zero"))
			return
		}
		limit = n
	}
	if latest := c.Query.Get("latest"); c.Query.Has("latest") && latest != "true" && latest != "false" {
		c.Fail(http.StatusBadRequest, api.NewFailure(440010, "'latest' must be 'true' or 'false'"))
		return
	}
	t.Lock()
	defer t.Unlock()
	views := []configView{}
	for _, found := range t.Find(c.Query.Get("type"), c.Query.Get("name"), limit) {
		if c.MayRead(found.teams()) {
			views = append(views, t.view(found))
		}
	}
	c.List(views)
}

// byID finds a config; without one the answer is written. The caller holds the lock.
func (t *Table) byID(c *api.Call, id string) *Config {
	for _, found := range t.rows {
		if strconv.Itoa(found.ID) == id && !found.deleted {
			return found
		}
	}
	c.Fail(http.StatusNotFound, api.NewFailure(440012, "Config %s not found", id))
	return nil
}

func (t *Table) show(c *api.Call) {
	t.Lock()
	defer t.Unlock()
	if found := t.byID(c, c.Params["id"]); found != nil {
		c.List(t.view(found))
	}
}

// post answers POST /configs: a new version, or 412 if the current one is not the expected.
func (t *Table) post(c *api.Call) {
	request, ok := readConfigRequest(c)
	if !ok {
		return
	}
	f := request.named()
	var parsed document.Mapping
	if f == nil {
		content := ""
		if request.Content != nil {
			content = *request.Content
		}
		parsed, f = parseContent(content)
	}
	if f != nil {
		c.Fail(http.StatusBadRequest, f)
		return
	}
	t.Lock()
	latest := "0"
	current := t.current(*request.Type, *request.Name)
	if current != nil {
		latest = strconv.Itoa(current.ID)
	}
	t.Unlock()
	expected := strings.Trim(string(request.Expected), `"`)
	if expected != "" && expected != "null" && expected != latest {
		c.HTML(http.StatusPreconditionFailed, string(api.Encode(struct {
			Latest      string `json:"latest_id"`
			Expected    string `json:"expected_latest_id"`
			Description string `json:"description"`
		}{latest, expected, "Latest Id: '" + latest + "' does not match expected latest id"})))
		return
	}
	if current != nil && !c.Owns(current.teams()) {
		return
	}
	if t.stored != nil {
		t.stored(*request.Type, *request.Name)
	}
	t.Lock()
	defer t.Unlock()
	saved, created := t.saveOver(current, *request.Type, *request.Name, *request.Content, parsed)
	if created {
		if teams := c.Teams(); len(teams) > 0 {
			saved.team = teams[0]
		}
		t.written(c, saved, store.Event{Action: "create", ObjectType: "config/" + saved.Kind})
	}
	c.HTML(http.StatusCreated, string(api.Encode(t.view(saved))))
}

// written records a new version. The caller holds the lock.
func (t *Table) written(c *api.Call, saved *Config, e store.Event) {
	e.User, e.ObjectName = c.User, saved.Name
	t.AddEvent(e)
	t.AddEffect(store.Effect{Kind: store.EffectConfig, Name: saved.Kind + "/" + saved.Name, User: c.User, ContextID: c.ContextID})
}

func (t *Table) remove(c *api.Call) {
	for _, key := range []string{"type", "name"} {
		if c.Query.Get(key) == "" {
			c.Fail(http.StatusBadRequest, api.NewFailure(440010, "'%s' is required", key))
			return
		}
	}
	t.Lock()
	defer t.Unlock()
	current := t.current(c.Query.Get("type"), c.Query.Get("name"))
	if current == nil {
		c.NoEndpoint() // an empty 404 is filled in so
		return
	}
	if !c.Owns(current.teams()) {
		return
	}
	for _, found := range t.rows {
		if found.Kind == c.Query.Get("type") && found.Name == c.Query.Get("name") {
			found.deleted = true
		}
	}
	t.AddEffect(store.Effect{Kind: store.EffectDelete, Name: "config/" + c.Query.Get("type") + "/" + c.Query.Get("name"), User: c.User})
	c.Empty(http.StatusNoContent)
}

func (t *Table) removeByID(c *api.Call) {
	t.Lock()
	defer t.Unlock()
	if found := t.byID(c, c.Params["id"]); found != nil && c.Owns(found.teams()) {
		found.deleted = true
		t.AddEffect(store.Effect{Kind: store.EffectDelete, Name: "config/" + found.Kind + "/" + found.Name, User: c.User})
		c.Empty(http.StatusNoContent)
	}
}

// compare answers POST /configs/diff, against the current version or between two given sides.
func (t *Table) compare(c *api.Call) {
	request, ok := readConfigRequest(c)
	if !ok {
		return
	}
	t.Lock()
	defer t.Unlock()
	if request.From != nil && request.To != nil {
		before, ok := t.side(c, request.From)
		if !ok {
			return
		}
		if after, ok := t.side(c, request.To); ok {
			c.List(map[string]any{"diff": document.Diff(before, after, true)})
		}
		return
	}
	if f := request.named(); f != nil || request.Content == nil {
		c.Fail(http.StatusBadRequest, api.NewFailure(440010, "The following request formats are allowed:\n"+
			`1. {"from":<config>,"to":<config>} where <config> is either {"id":"<id>"} or {"content":"<content>"}`+"\n"+
			`2. {"type":"<type>","name":"<name>","content":"<content>"}`))
		return
	}
	after, f := parseContent(*request.Content)
	if f != nil {
		c.HTML(http.StatusBadRequest, string(api.Encode(map[string]any{"diff": []any{}, "error": "Unable to diff config content: " + f.Message})))
		return
	}
	from, before := "0", document.Mapping(nil)
	if current := t.current(*request.Type, *request.Name); current != nil {
		from, before = strconv.Itoa(current.ID), current.Parsed
	}
	c.List(struct {
		From map[string]string `json:"from"`
		Diff [][2]any          `json:"diff"`
	}{map[string]string{"id": from}, document.Diff(before, after, true)})
}

// side reads one side of a diff; after a failure the answer is written. The caller holds the lock.
func (t *Table) side(c *api.Call, s *configSide) (document.Mapping, bool) {
	if s.ID != nil {
		found := t.byID(c, *s.ID)
		if found == nil {
			return nil, false
		}
		return found.Parsed, true
	}
	content := ""
	if s.Content != nil {
		content = *s.Content
	}
	m, f := parseContent(content)
	if f != nil {
		c.Fail(http.StatusBadRequest, f)
		return nil, false
	}
	return m, true
}
