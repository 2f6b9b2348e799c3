package site

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
)

// CloudConfig is the default cloud config of the director that runs now, "" if it has none.
func (s *Site) CloudConfig() (string, error) {
	s.mu.Lock()
	d := s.booted
	s.mu.Unlock()
	r := httptest.NewRequest(http.MethodGet, "https://director/configs?latest=true&type=cloud&name=default", http.NoBody)
	r.SetBasicAuth(d.Username, d.Password)
	answer := httptest.NewRecorder()
	s.Director.ServeHTTP(answer, r)
	if answer.Code != http.StatusOK {
		return "", fmt.Errorf("read the cloud config: %d %s", answer.Code, answer.Body)
	}
	var list []struct {
		Content string `json:"content"` // "azs: […]"
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &list); err != nil {
		return "", fmt.Errorf("read the cloud config: %w", err)
	}
	if len(list) == 0 {
		return "", nil
	}
	return list[0].Content, nil
}
