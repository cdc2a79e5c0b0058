// Uses the page as a reader would, and tells the frame around it what was seen.
'use strict';
(async () => {
	const out = {};
	const $ = (s, at = document) => [...at.querySelectorAll(s)];
	const seen = (e) => e.checkVisibility();
	const shown = () => $('.failure').filter(seen).map((f) => f.querySelector('summary').textContent);
	const root = document.documentElement;
	const followed = () => new Promise((done) => addEventListener('hashchange', done, {once: true}));
	const press = (key) => (document.activeElement || document.body).dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
	try {
		out.Inner = innerWidth;
		out.Title = document.title;
		out.AtLoad = shown();
		out.Status = document.getElementById('status').textContent;
		out.Pressed = $('button[aria-pressed=true]').map((b) => b.dataset.f).join();
		out.SkipsFirst = $('a, button, input, summary, [tabindex]')[0].matches('.skip[href="#main"]');

		press('Escape');
		out.Cleared = document.getElementById('status').textContent;
		out.Width = root.scrollWidth;

		out.Red = $('td.red').length;
		let moved = followed();
		$('td.red a')[0].click();
		await moved;
		const open = $('.failure[open]');
		out.RedOpen = open.map((f) => f.querySelector('summary').textContent).join('; ');
		out.RedMarks = $('.failure[open] mark').filter(seen).map((m) => m.textContent);
		out.RedFocus = document.activeElement === open[0].querySelector('summary');

		document.activeElement.blur();
		out.Steps = ['j', 'j', 'k'].map((key) => {
			press(key);
			return document.activeElement.textContent;
		});

		press('/');
		const search = document.getElementById('q');
		out.Search = document.activeElement === search;
		search.value = 'lat-msg-002 has natType';
		search.dispatchEvent(new Event('input', {bubbles: true}));
		out.Found = shown();
		out.FoundHash = location.hash;

		const dead = $('.failure').find((f) => f.id.startsWith('failure-LAT-FRAME-014-'));
		moved = followed();
		location.hash = '#' + dead.id;
		await moved;
		out.DeepOpen = dead.open;
		out.DeepShown = seen(dead);

		search.value = 'no such thing';
		search.dispatchEvent(new Event('input', {bubbles: true}));
		const row = document.getElementById('LAT-MSG-003');
		moved = followed();
		location.hash = '#LAT-MSG-003';
		await moved;
		out.RowShown = seen(row) && row.getBoundingClientRect().top < innerHeight;

		const copy = dead.querySelector('button.copy');
		const copied = new Promise((done) => new MutationObserver(done).observe(copy, {childList: true, characterData: true, subtree: true}));
		copy.click();
		await copied;
		out.Copied = copy.textContent;

		for (const d of $('details')) d.open = true;
		out.WidthOpen = root.scrollWidth;
	} catch (e) {
		out.Error = String(e.stack || e);
	}
	parent.postMessage(JSON.stringify(out), '*');
})();
