/* What the owner of this server set for the page (docs/shopper-page.md). */

/** @type {{title: string, currency: ?string, attributes: string[], embedded: boolean}} */
export const settings = JSON.parse(
  /** @type {HTMLMetaElement} */ (document.querySelector("meta[name=settings]")).content,
);

/** Name what is shown in the title of the window. @param {string} [text] Nothing at the start. */
export const setTitle = (text) => (document.title = text ? `${text} – ${settings.title}` : settings.title);
