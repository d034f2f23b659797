package fsclient

// DateFilter chooses records by the day of a moment. One field is set.
type DateFilter struct {
	On      *Date
	Before  *Date
	After   *Date
	Between *DateRange
}

// DateRange is a range of days, both ends included.
type DateRange struct {
	From Date
	To   Date
}

// query is the filter as the API wants it: a day, <day, >day or day..day.
func (f DateFilter) query() string {
	switch {
	case f.On != nil:
		return string(*f.On)
	case f.Before != nil:
		return "<" + string(*f.Before)
	case f.After != nil:
		return ">" + string(*f.After)
	case f.Between != nil:
		return string(f.Between.From) + ".." + string(f.Between.To)
	}
	return ""
}
