package identity

// Service keeps people, passkeys and sessions.
type Service struct{}
