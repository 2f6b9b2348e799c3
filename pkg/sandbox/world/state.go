package world

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// State is what upgrades leave on the servers, without what differs from world
// to world or from run to run: addresses, ids, numbers of versions.
type State struct {
	Manifest    string   // of the deployment concourse
	Releases    []string // on the director: "bpm/1.4.33"
	Stemcells   []string
	CloudConfig string
	Pipeline    string // the config of self-upgrade
	Set         string // the config in which a put keeps the component set that it has deployed
}

// State reads it behind the faults. The addresses of the servers are replaced by
// their names, so that worlds may be compared. It fails when the director does
// not answer its own simulator.
func (w *World) State() (State, error) {
	var state State
	for _, d := range w.Director.Deployments() {
		if d.Name == "concourse" {
			state.Manifest = w.Nameless(d.Manifest)
		}
	}
	if config, ok := w.Concourse.PipelineConfig(Team, "self-upgrade"); ok {
		state.Pipeline = w.Nameless(string(config))
	}
	token, err := w.directorToken()
	if err != nil {
		return State{}, err
	}
	var releases []struct {
		Name     string `json:"name"`
		Versions []struct {
			Version string `json:"version"`
		} `json:"release_versions"`
	}
	var stemcells []struct{ Name, Version string }
	var configs, sets []struct{ Content string }
	for path, into := range map[string]any{
		"/releases": &releases, "/stemcells": &stemcells, "/configs?latest=true&type=cloud&name=default": &configs, "/configs?latest=true&type=perpetual&name=concourse.set": &sets,
	} {
		if err := w.read(path, token, into); err != nil {
			return State{}, err
		}
	}
	for _, r := range releases {
		for _, v := range r.Versions {
			state.Releases = append(state.Releases, r.Name+"/"+v.Version)
		}
	}
	for _, s := range stemcells {
		state.Stemcells = append(state.Stemcells, s.Name+"/"+s.Version)
	}
	for _, c := range configs {
		state.CloudConfig += c.Content
	}
	for _, c := range sets {
		state.Set += w.deployNamed(c.Content)
	}
	slices.Sort(state.Releases)
	slices.Sort(state.Stemcells)
	return state, nil
}

// contentDigits are those of a context id that say what is deployed.
const contentDigits = 18

// deployNamed replaces what is made of a deploy's manifest, which has the addresses of
// its world in it, by the number of its task.
func (w *World) deployNamed(text string) string {
	for _, task := range w.Director.Tasks() {
		id, _, _ := strings.Cut(strings.TrimPrefix(task.ContextID, "perpetual-"), "-")
		if len(id) > contentDigits {
			text = strings.ReplaceAll(text, id[:contentDigits], fmt.Sprintf("task %d", task.ID))
		}
	}
	return text
}

// Nameless replaces the servers' addresses in a text by their names.
func (w *World) Nameless(text string) string {
	for name, url := range w.URLs {
		text = strings.ReplaceAll(text, url, name+"://")
	}
	return text
}

// Named is the opposite of Nameless, in this world.
func (w *World) Named(text string) string {
	for name, url := range w.URLs {
		text = strings.ReplaceAll(text, name+"://", url)
	}
	return text
}

// directorToken asks the UAA as the director's client does.
func (w *World) directorToken() (string, error) {
	r, err := http.NewRequest(http.MethodPost, "https://uaa/oauth/token", strings.NewReader("grant_type=client_credentials"))
	if err != nil {
		return "", err
	}
	r.SetBasicAuth(DirectorClient, DirectorSecret)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var answer struct {
		Token string `json:"access_token"`
	}
	return answer.Token, ask(w.UAA, r, &answer)
}

// read asks the director for a path.
func (w *World) read(path, token string, into any) error {
	r, err := http.NewRequest(http.MethodGet, "https://director"+path, http.NoBody)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "bearer "+token)
	return ask(w.Director, r, into)
}

// ask calls a handler in this process.
func ask(handler http.Handler, r *http.Request, into any) error {
	answer := &memory{header: http.Header{}}
	handler.ServeHTTP(answer, r)
	if answer.status != 0 && answer.status != http.StatusOK {
		return fmt.Errorf("%s %s: %d %s", r.Method, r.URL, answer.status, answer.body.String())
	}
	if err := json.Unmarshal(answer.body.Bytes(), into); err != nil {
		return fmt.Errorf("%s %s: %w", r.Method, r.URL, err)
	}
	return nil
}

// memory is an answer that is not sent.
type memory struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (m *memory) Header() http.Header { return m.header }

// WriteHeader implements http.ResponseWriter.
func (m *memory) WriteHeader(status int) { m.status = status }

// Write implements http.ResponseWriter.
func (m *memory) Write(p []byte) (int, error) { return m.body.Write(p) }
