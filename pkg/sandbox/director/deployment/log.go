package deployment

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha1" // the agent tells it
	"encoding/hex"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/uuid"
)

func (t *Table) logRoutes() []api.Route {
	return []api.Route{
		{Method: "GET", Path: "/deployments/:deployment/jobs/:group/:index/logs", Needs: api.NeedsDeployment, Handle: t.fetchLogs},
		{Method: "GET", Path: "/resources/:id", Handle: t.showResource},
	}
}

// fetchLogs answers GET /deployments/NAME/jobs/GROUP/INDEX-OR-ID/logs?type=job by
// a task whose result is the id of a blob, which GET /resources/ID gives. "*" stands
// for all groups or all instances.
func (t *Table) fetchLogs(c *api.Call) {
	t.Lock()
	defer t.Unlock()
	dep := t.Of(c)
	if dep == nil {
		return
	}
	group, index := c.Params["group"], c.Params["index"]
	var found []*Instance
	for _, i := range dep.Instances {
		if (group == "*" || group == i.Group) && (index == "*" || index == i.ID || index == strconv.Itoa(i.Index)) {
			found = append(found, i)
		}
	}
	if len(found) == 0 {
		c.Fail(http.StatusNotFound, api.NewFailure(70001, "'%s/%s/%s' doesn't exist", dep.Name, group, index))
		return
	}
	filters := strings.FieldsFunc(c.Query.Get("filters"), func(r rune) bool { return r == ',' || r == ' ' })
	c.Redirect(t.queue.Enqueue(&task.Row{
		Description: "fetch logs", User: c.User, ContextID: c.ContextID, Deployment: dep.Name, Minor: true,
		Work: func(j *task.Job) (string, error) { return t.logs(j, dep, found, c.Query.Get("type"), filters) },
	}))
}

// logs packs the logs of instances into a blob: those of one as they are, those
// of several each in an archive of its own.
func (t *Table) logs(j *task.Job, dep *Deployment, instances []*Instance, kind string, filters []string) (string, error) {
	packed := map[string][]byte{}
	for _, i := range instances {
		archive, err := t.logsOf(j, dep, i, kind, filters)
		if err != nil {
			return "", err
		}
		if len(instances) == 1 {
			return t.saveBlob(j, archive)
		}
		packed[i.Group+"."+i.ID+"."+t.Now().UTC().Format("2006-01-02-15-04-05")+".tgz"] = archive
	}
	var all []byte
	if err := j.Stage("Fetching group of logs", 1).Step("Packing log files together", func(*task.Step) error {
		all = packFiles(packed)
		return nil
	}); err != nil {
		return "", err
	}
	return t.saveBlob(j, all)
}

// logsOf has the agent of an instance pack its logs.
func (t *Table) logsOf(j *task.Job, dep *Deployment, i *Instance, kind string, filters []string) (archive []byte, err error) {
	if i.VM == nil {
		return nil, api.NewFailure(70004, "'%s' doesn't reference a VM", i.Label())
	}
	err = j.Stage("Fetching logs for "+i.Label(), 1).Step("Finding and packing log files", func(*task.Step) error {
		files := map[string][]byte{}
		if hook := t.hooks.Logs; hook != nil && (kind == "" || slices.Contains(strings.Split(kind, ","), "job")) {
			files = maps.Clone(hook(t.logged(j, dep, i)))
		}
		maps.DeleteFunc(files, func(name string, _ []byte) bool { return !matches(name, filters) })
		archive = packFiles(files)
		return j.Sleep(300 * time.Millisecond)
	})
	return archive, err
}

// logged describes an instance whose logs are asked for.
func (t *Table) logged(j *task.Job, dep *Deployment, i *Instance) Update {
	t.Lock()
	defer t.Unlock()
	return Update{
		Deployment: dep.Name, Group: i.Group, Index: i.Index, ID: i.ID, AgentID: i.AgentID(), Jobs: slices.Clone(i.Jobs),
		Manifest: []byte(dep.Text), Releases: maps.Clone(i.Releases), Stemcell: i.Stemcell.OS + "/" + i.Stemcell.Version, Task: j.Task.ID,
	}
}

// matches says whether a file is to be packed. "**/" stands for any folders.
func matches(name string, filters []string) bool {
	return len(filters) == 0 || slices.ContainsFunc(filters, func(filter string) bool {
		tail, anywhere := strings.CutPrefix(filter, "**/")
		if anywhere {
			filter, name = tail, path.Base(name)
		}
		ok, _ := path.Match(filter, name)
		return ok
	})
}

// packFiles makes an archive as an agent's tar does.
func packFiles(files map[string][]byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	t := tar.NewWriter(z)
	for _, name := range slices.Sorted(maps.Keys(files)) { // writing to memory does not fail
		_ = t.WriteHeader(&tar.Header{Name: "./" + name, Mode: 0o640, Size: int64(len(files[name])), Typeflag: tar.TypeReg})
		_, _ = t.Write(files[name])
	}
	_, _ = t.Close(), z.Close()
	return b.Bytes()
}

// saveBlob puts content into the blobstore and gives its id.
func (t *Table) saveBlob(j *task.Job, content []byte) (id string, err error) {
	id = uuid.New()
	return id, j.Change(func() { t.blobs[id] = content })
}

// digest is how the agent names what it has uploaded.
func digest(content []byte) string {
	sum := sha1.Sum(content)
	return hex.EncodeToString(sum[:])
}

// showResource answers GET /resources/ID with a blob.
func (t *Table) showResource(c *api.Call) {
	t.Lock()
	content, ok := t.blobs[c.Params["id"]]
	t.Unlock()
	if !ok {
		c.Fail(http.StatusNotFound, api.NewFailure(100002, "Resource '%s' not found in the blobstore", c.Params["id"]))
		return
	}
	c.Text(http.StatusOK, "application/x-gzip", string(content))
}
