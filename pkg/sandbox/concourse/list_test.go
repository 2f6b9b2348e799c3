package concourse_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// page asks for a page of builds, as "names | links".
func (s *site) page(query string) string {
	s.t.Helper()
	var list []struct{ ID int }
	res := s.ask("GET", "/api/v1/builds?"+query, s.login("admin"), "")
	res.json(s.t, &list)
	var ids, links []string
	for _, b := range list {
		ids = append(ids, fmt.Sprint(b.ID))
	}
	for _, link := range res.header["Link"] {
		target, rel, _ := strings.Cut(link, "; ")
		u, err := url.Parse(strings.Trim(target, "<>"))
		if err != nil || u.Path != "/api/v1/builds" {
			s.t.Errorf("link %s: %v", link, err)
			continue
		}
		links = append(links, rel+" "+u.RawQuery)
	}
	return strings.Join(ids, " ") + " | " + strings.Join(links, ", ")
}

// Read back page by page, a list misses reruns: Concourse bounds pages by id, but
// sorts reruns beside their first runs.
func TestBuilds_arePagedAsConcourseDoes(t *testing.T) {
	s := newWorld(t)
	for range 4 {
		s.finish(s.start("upgrade", "", false))
	}
	s.RerunBuild(s.start("verify", "", false), "ada") // 5, and 6 beside it
	s.start("upgrade", "", false)                     // 7
	rerun := s.ok("POST", mainPipeline+"/jobs/upgrade/builds/1")
	if !strings.Contains(rerun, `"id":8`) {
		t.Fatalf("rerun %s", rerun)
	}
	for query, want := range map[string]string{
		"":                 `7 6 5 4 3 2 8 1 | rel="previous" from=8&limit=100`,
		"limit=2":          `7 6 | rel="next" to=5&limit=2, rel="previous" from=8&limit=2`,
		"limit=2&to=5":     `5 4 | rel="next" to=3&limit=2, rel="previous" from=8&limit=2`,
		"limit=2&to=3":     `3 2 | rel="next" to=1&limit=2, rel="previous" from=8&limit=2`,
		"limit=3&from=3":   `4 3 8 | rel="next" to=7&limit=3, rel="previous" from=8&limit=3`,
		"from=5&to=7":      `5 6 7 | rel="next" to=6&limit=100, rel="previous" from=8&limit=100`,
		"limit=1&to=1":     `1 | rel="previous" from=8&limit=1`,
		"limit=1&to=0&x=1": `7 | rel="next" to=6&limit=1, rel="previous" from=8&limit=1`,
	} {
		if got := s.page(query); got != want {
			t.Errorf("%s\n got %s\nwant %s", query, got, want)
		}
	}
}

func TestContainers_areThoseOfBuildsThatRunOrFailedLast(t *testing.T) {
	s := newWorld(t)
	s.RegisterWorker("w2", "")
	fail := func(job string) {
		if err := s.start(job, "w1", false).Finish("failed"); err != nil {
			t.Fatal(err)
		}
	}
	fail("upgrade")
	fail("upgrade")
	fail("verify")
	s.finish(s.start("verify", "w1", false))
	b := s.start("verify", "w2", false)
	if _, err := s.StartOneOff("dev", "w1"); err != nil {
		t.Fatal(err)
	}
	var list []struct {
		Build  int    `json:"build_id"`
		Worker string `json:"worker_name"`
		Type   string
	}
	s.ask("GET", "/api/v1/teams/main/containers", s.login("admin"), "").json(t, &list)
	if len(list) != 2 || list[0].Build != 2 || list[0].Worker != "w1" || list[1].Build != b.ID() || list[1].Worker != "w2" || list[1].Type != "task" {
		t.Errorf("containers %+v", list)
	}
}
