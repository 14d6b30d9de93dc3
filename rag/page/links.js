// Runs once for each list of cards. A click on a card, or on a link to a place in the messages of
// the element LINKS_OF, hands the place to Python, with the other places shown beside it.
const refs = (box) =>
  [...box.querySelectorAll('.rag-card, a.rag-ref')].map((e) => e.dataset.ref || e.getAttribute('href'));
const open = (target, box) => {
  window.ragOpener = target;
  trigger('click', {ref: target.dataset.ref || target.getAttribute('href'), also: refs(box)});
};
element.addEventListener('click', (event) => {
  const card = event.target.closest('[data-ref]');
  if (card) open(card, element);
});
// A time axis is one stop of the Tab key; the arrow keys lead from point to point.
element.addEventListener('keydown', (event) => {
  const points = [...element.querySelectorAll('.rag-point')];
  const at = points.indexOf(event.target);
  const to = {ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: points.length - 1}[event.key];
  if (at < 0 || !points[to]) return;
  event.preventDefault();
  points[at].tabIndex = -1;
  points[to].tabIndex = 0;
  points[to].focus();
});
// The quote of the point that is looked at stands out.
const light = (event, on) => {
  const ref = event.target.closest('.rag-point')?.dataset.ref;
  for (const card of ref ? element.querySelectorAll('.rag-card') : []) {
    if (card.dataset.ref === ref) card.classList.toggle('rag-lit', on);
  }
};
for (const name of ['focusin', 'pointerover']) element.addEventListener(name, (e) => light(e, true));
for (const name of ['focusout', 'pointerout']) element.addEventListener(name, (e) => light(e, false));
const links = 'LINKS_OF';
if (links) {
  document.addEventListener('click', (event) => {
    const link = event.target.closest(`#${links} a.rag-ref`);
    if (!link) return;
    event.preventDefault();
    open(link, link.closest('.message-content') || link.parentElement);
  });
}
// The chat's copy button copies a message as it is stored, which is HTML: give its words instead.
if (navigator.clipboard && !window.ragCopies) {
  window.ragCopies = true;
  const write = navigator.clipboard.writeText.bind(navigator.clipboard);
  const words = (text) => {
    if (!text.startsWith('<p class="rag-')) return text;
    const read = new DOMParser().parseFromString(text, 'text/html');
    return [...read.querySelectorAll('p')].map((p) => p.textContent).join('\n\n');
  };
  navigator.clipboard.writeText = (text) => write(words(text));
}
// Some of Gradio's buttons are drawings without a name.
if (links) {
  const names = {
    '#rag-question .submit-button': 'Ask',
    '#rag-question .stop-button': 'Stop',
    '#rag-settings .calendar, #rag-topic-from .calendar, #rag-topic-to .calendar': 'Choose a day',
  };
  const name = () => {
    for (const [kind, words] of Object.entries(names)) {
      for (const button of document.querySelectorAll(`${kind}:not([aria-label])`)) {
        button.setAttribute('aria-label', words);
      }
    }
  };
  name();
  new MutationObserver(name).observe(document.body, {childList: true, subtree: true});
}
